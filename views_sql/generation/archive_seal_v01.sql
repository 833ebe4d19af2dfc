-- {{name}}_seal, version 1: seals the days before the requested one, if that is due: from then on only the archive has them
-- returns whether it did: not where too much is stale, for which a compaction has to come first; p_epoch: the caller's
-- raises 55000 where every key is stale: a rebuild has to come first
-- reads seal, view_state, drain, stale_key, change_log and the live rows; writes the first two, {{name}}_archive,
-- {{name}}_total, invalidation, and sealed_zone where users have zones; runs as their owner. The caller holds the gates, and is REPEATABLE READ: what its
-- snapshot sees is in the archive afterwards, marked or not
-- change: first version
CREATE FUNCTION frontview.{{name}}_seal(p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    tier frontview.view_state;
    asked frontview.seal;
    newest frontview.drain;
    most_keys CONSTANT integer := 5000; -- Of more stale keys, this transaction would take long.
    found integer;
    every_key boolean;
    users frontview.user_key[];
    first_days date[];
    before_days date[];
BEGIN
    SELECT v.* INTO STRICT tier FROM frontview.view_state v WHERE v.view = '{{name}}' AND v.tier = 'archive';
    IF tier.epoch > p_epoch OR NOT frontview.seal_is_due('{{name}}') THEN
        RETURN FALSE;
    END IF;
    SELECT s.* INTO STRICT asked FROM frontview.seal s WHERE s.view = '{{name}}';
    SELECT d.* INTO STRICT newest FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1;
    WITH key AS (
        SELECT k.user_id, k.day FROM frontview.stale_key k
        WHERE k.day < asked.sealing_before AND k.source = ANY (tier.sources) AND k.drain_id > tier.through
        UNION
        SELECT l.user_id, l.day + d.days
        FROM frontview.change_log l INNER JOIN frontview.source s USING (source)
        CROSS JOIN generate_series(-s.day_slack, s.day_slack) d (days)
        WHERE l.day + d.days < asked.sealing_before AND l.source = ANY (tier.sources)
        AND l.xid >= pg_snapshot_xmin(newest.marked) AND NOT pg_visible_in_snapshot(l.xid, newest.marked)
    ), stale AS (
        SELECT
            k.user_id, k.day, bool_or(k.day = '-infinity') OVER (PARTITION BY k.user_id) AS whole,
            count(*) OVER () AS keys
        FROM (
            SELECT k.user_id, k.day FROM key k WHERE k.day >= tier.first_day OR k.day = '-infinity' LIMIT most_keys + 1
        ) k
    )
    SELECT
        max(s.keys), bool_or(s.user_id IS NULL), array_agg(s.user_id), array_agg(GREATEST(s.day, tier.first_day)),
        array_agg(CASE WHEN s.whole THEN asked.sealing_before ELSE s.day + 1 END)
    INTO found, every_key, users, first_days, before_days
    FROM stale s WHERE s.whole = (s.day = '-infinity');
    IF every_key THEN
        RAISE EXCEPTION 'every key of {{name}} is stale' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF found > most_keys THEN
        RETURN FALSE;
    END IF;
    IF users IS NOT NULL THEN
        DELETE FROM frontview.{{name}}_archive a
        USING unnest(users, first_days, before_days) s (user_id, first_day, before_day)
        WHERE a.{{user}} = s.user_id AND a.{{day}} >= s.first_day AND a.{{day}} < s.before_day;
        INSERT INTO frontview.{{name}}_archive ({{columns}})
        SELECT {{columns_of_v}} FROM unnest(users, first_days, before_days) s (user_id, first_day, before_day)
        CROSS JOIN LATERAL (
            SELECT v.* FROM {{live_of_key}} OFFSET 0
        ) v;
        PERFORM frontview.{{name}}_sum_again('{}', users);
    END IF;
    UPDATE frontview.view_state SET first_day = asked.sealing_before
    WHERE view = '{{name}}' AND tier IN ('archive', 'total');{{keep_zones}}
    -- Late changes of days that were sealed before are counted here: the collector counts what comes after this seal.
    UPDATE frontview.seal s
    SET sealing_before = NULL, asked_xid = NULL, sealed_through = newest.drain_id,
        sealed_changes = s.sealed_changes + (
            SELECT count(*) FROM frontview.stale_key k
            WHERE k.day < tier.first_day AND k.source = ANY (tier.sources)
            AND k.drain_id > asked.sealed_through
        )
    WHERE s.view = '{{name}}';
    -- No cached answer may hold what was changed while this transaction ran.
    PERFORM frontview.request_invalidation('*', 'seal of {{name}}');
    RETURN TRUE;
END
$$
