-- unseal, version 1: lets the sealed days of a view from p_before on be computed from their rows again
-- returns whether it did: not where such a day has changed since the comparison, as log, marks or the count tell
-- a request to seal more is withdrawn, also where none of these days is sealed
-- p_snapshot, p_drain, p_changes: what <view>_compare_sealed found, after an announcement: so no drain has left an
-- earlier mark alone since. Writes view_state, seal, sealed_zone, change_log; the caller still holds the gates. READ COMMITTED
-- change: first version
CREATE FUNCTION frontview.unseal(p_view text, p_before date, p_snapshot pg_snapshot, p_drain bigint, p_changes bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier frontview.view_state;
    counted bigint;
BEGIN
    SELECT v.* INTO STRICT tier FROM frontview.view_state v WHERE v.view = p_view AND v.tier = 'archive';
    -- From here on, the collector leaves marks of these days where they are.
    SELECT s.sealed_changes INTO STRICT counted FROM frontview.seal s WHERE s.view = p_view FOR UPDATE;
    IF counted <> p_changes OR EXISTS (
        SELECT FROM frontview.stale_key k
        WHERE k.source = ANY (tier.sources) AND k.drain_id > p_drain
        AND k.day < tier.first_day AND (k.day >= p_before OR k.day = '-infinity')
    ) OR EXISTS (
        SELECT FROM frontview.change_log l INNER JOIN frontview.source s USING (source)
        -- This transaction logs nothing but what stands below, of a view that it unsealed before.
        WHERE l.xid <> pg_current_xact_id() AND l.xid >= pg_snapshot_xmin(p_snapshot) AND NOT pg_visible_in_snapshot(l.xid, p_snapshot)
        AND l.source = ANY (tier.sources) AND l.day - s.day_slack < tier.first_day
        AND (l.day + s.day_slack >= p_before OR l.day = '-infinity')
    ) THEN
        RETURN FALSE;
    END IF;
    UPDATE frontview.view_state v SET first_day = LEAST(v.first_day, p_before)
    WHERE v.view = p_view AND v.tier IN ('archive', 'total');
    UPDATE frontview.sealed_zone k SET before_day = p_before WHERE k.view = p_view AND k.before_day > p_before;
    DELETE FROM frontview.seal s WHERE s.view = p_view AND p_before = '-infinity';
    UPDATE frontview.seal s SET sealing_before = NULL, asked_xid = NULL WHERE s.view = p_view;
    -- Marks of sealed days may have been collected: every key becomes stale, and the next refresh rebuilds the archive.
    INSERT INTO frontview.change_log (source, user_id, day)
    SELECT s, NULL, '-infinity' FROM unnest(tier.sources) s;
    RETURN TRUE;
END
$$
