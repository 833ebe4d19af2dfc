-- redeem_sign_in_code, version 1: deletes the sealed token that was kept for the code with this digest, and returns it
-- returns NULL when there is none or its time is over; the row is deleted in either case
-- deletes from sign_in_code: of two calls at the same time, one waits for the commit of the other and finds nothing
-- change: first version
CREATE FUNCTION frontview.redeem_sign_in_code(p_digest bytea) RETURNS bytea
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
WITH taken AS (
    DELETE FROM frontview.sign_in_code c WHERE c.digest = p_digest RETURNING c.sealed, c.expires_at
)
SELECT t.sealed FROM taken t WHERE t.expires_at > now()
$$
