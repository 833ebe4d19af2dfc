-- make_sign_in_code, version 1: keeps a sealed token for the client that presents the code with this digest
-- returns when the code ends; p_valid_seconds: from 1 second to a day
-- writes sign_in_code; no role is allowed to call it, only the owner and those to whom the owner grants EXECUTE
-- change: first version
CREATE FUNCTION frontview.make_sign_in_code(p_digest bytea, p_sealed bytea, p_valid_seconds integer)
RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ends_at timestamptz := now() + make_interval(secs => p_valid_seconds);
BEGIN
    IF p_valid_seconds IS NULL OR p_valid_seconds NOT BETWEEN 1 AND 86400 THEN
        RAISE EXCEPTION 'a code is valid for 1 to 86400 seconds' USING ERRCODE = '22023';
    END IF;
    INSERT INTO frontview.sign_in_code (digest, sealed, expires_at) VALUES (p_digest, p_sealed, ends_at);
    RETURN ends_at;
END
$$
