-- request_seal, version 1: requests that the days of a view before p_before be sealed
-- returns nothing; asked again for the same day, it changes nothing. Writes seal, reads view_state
-- keeps the transaction id of the request: days are sealed once every transaction that was open then has ended
-- raises 22023 with a sentence for people where they cannot be sealed. The caller commits it before it waits
-- change: first version
CREATE FUNCTION frontview.request_seal(p_view text, p_before date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    archive frontview.view_state;
    refused text;
BEGIN
    SELECT v.* INTO archive FROM frontview.view_state v WHERE v.view = p_view AND v.tier = 'archive';
    refused := CASE
        WHEN NOT EXISTS (SELECT FROM frontview.view_state v WHERE v.view = p_view)
            THEN format('There is no view %L.', p_view)
        WHEN archive IS NULL
            THEN format('%s has no days, so there is nothing to seal.', p_view)
        WHEN (p_before < (now() AT TIME ZONE 'UTC')::date) IS NOT TRUE
            THEN format('%s is not in the past; only past days can be sealed.', p_before)
        WHEN archive.through IS NULL
            THEN format('The archive of %s has no contents yet; seal once it is populated.', p_view)
        WHEN p_before > archive.before_day
            THEN format('%s keeps the days from %s on in its recent tier; seal a day up to that one.',
                p_view, archive.before_day)
        WHEN p_before <= archive.first_day
            THEN format('The days of %s before %s are sealed already.', p_view, archive.first_day)
        -- Days of a row in two zones are at most two apart: what was sealed by an earlier zone is sealed by any later one.
        WHEN archive.first_day > '-infinity' AND p_before < archive.first_day + 2 AND EXISTS (
            SELECT FROM frontview.source s WHERE s.source = ANY (archive.sources) AND s.day_slack > 0
        )
            THEN format('The days of %s are those of users'' own zones, of which at least two are sealed at a time: those before %s or a later day.',
                p_view, archive.first_day + 2)
    END;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION '%', refused USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO frontview.seal AS s (view, sealing_before, asked_xid) VALUES (p_view, p_before, pg_current_xact_id())
    ON CONFLICT (view) DO UPDATE SET sealing_before = excluded.sealing_before, asked_xid = excluded.asked_xid
    WHERE s.sealing_before IS DISTINCT FROM excluded.sealing_before;
END
$$
