-- {{name}}_compact, version 1: makes one batch of stale keys of the archive, and the sums of their users, what is live
-- one row: the key with which the next batch begins, NULLs when this was the last one, how many keys this one had, and
-- how many rows more the archive and its sums have
-- p_day, p_user: what the last call returned, NULLs to begin; a key without a day is all unsealed days of its user,
-- and counts as its rows too
-- reads stale_key, view_state, {{name}}_live; writes {{name}}_archive, {{name}}_total; runs as their owner
-- the caller holds the tier's gate, and its transaction is REPEATABLE READ. Marks are read by index, source by source,
-- and rows key by key: joined, they would be read whole. A row that stays the same is not written. Raises 40001 when a
-- base table was given new storage since the snapshot, or the archive counts as empty since the compaction began
-- change: first version
CREATE FUNCTION frontview.{{name}}_compact(p_day date, p_user frontview.user_key, p_batch integer)
RETURNS TABLE (next_day date, next_user frontview.user_key, keys integer, rows_added bigint [])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    tier frontview.view_state;
    tables CONSTANT regclass[] := '{frontview.{{name}}_archive,frontview.{{name}}_total}';
    rows_before CONSTANT bigint[] := frontview.rows_added(tables);
    stale_users frontview.user_key[];
    stale_days date[];
    whole_users frontview.user_key[];
BEGIN
    SELECT s.* INTO STRICT tier FROM frontview.view_state s WHERE s.view = '{{name}}' AND s.tier = 'archive';
    IF tier.through IS NULL THEN -- No key is later than nothing: the compaction would cover what it never wrote.
        RAISE EXCEPTION 'the archive of {{name}} lost its contents' USING ERRCODE = 'serialization_failure';
    END IF;
    IF p_day IS NULL THEN
        SELECT k.day, k.user_id INTO p_day, p_user
        FROM unnest(tier.sources) s (source) CROSS JOIN LATERAL (
            SELECT k.day, k.user_id FROM frontview.stale_key k
            WHERE k.source = s.source ORDER BY k.source, k.day, k.user_id LIMIT 1
        ) k
        ORDER BY k.day, k.user_id LIMIT 1;
    END IF;
    IF p_day = '-infinity' THEN
        p_batch := LEAST(p_batch, 20); -- All days of a user may be many rows.
    END IF;
    SELECT array_agg(k.user_id ORDER BY k.day, k.user_id), array_agg(k.day ORDER BY k.day, k.user_id)
    INTO stale_users, stale_days
    FROM (
        SELECT k.day, k.user_id
        FROM unnest(tier.sources) s (source) CROSS JOIN LATERAL (
            SELECT k.day, k.user_id FROM frontview.stale_key k
            WHERE k.source = s.source AND (k.day, k.user_id) >= (p_day, p_user) AND k.day < tier.before_day
            AND (k.day >= tier.first_day OR k.day = '-infinity') AND k.drain_id > tier.through
            ORDER BY k.source, k.day, k.user_id LIMIT p_batch + 1
        ) k
        GROUP BY k.day, k.user_id ORDER BY k.day, k.user_id
        LIMIT p_batch + 1
    ) k;
    keys := COALESCE(cardinality(stale_users), 0);
    IF keys > p_batch THEN
        next_day := stale_days[keys];
        next_user := stale_users[keys];
        keys := keys - 1;
    END IF;

    WITH stale AS MATERIALIZED (
        SELECT
            k.user_id, GREATEST(k.day, tier.first_day) AS first_day,
            CASE WHEN k.whole THEN tier.before_day ELSE k.day + 1 END AS before_day
        FROM (
            SELECT u.user_id, u.day, bool_or(u.day = '-infinity') OVER (PARTITION BY u.user_id) AS whole
            FROM unnest(stale_users[:keys], stale_days[:keys]) u (user_id, day)
        ) k
        WHERE k.whole = (k.day = '-infinity')
    ), new_rows AS MATERIALIZED (
        SELECT l.* FROM stale s CROSS JOIN LATERAL (
            SELECT v.* FROM {{live_of_key}} OFFSET 0
        ) l
    ), old_rows AS MATERIALIZED (
        SELECT h.* FROM stale s CROSS JOIN LATERAL (
            SELECT a.ctid AS place, a.* FROM frontview.{{name}}_archive a
            WHERE a.{{user}} = s.user_id AND a.{{day}} >= s.first_day AND a.{{day}} < s.before_day OFFSET 0
        ) h
    ), gone AS (
        DELETE FROM frontview.{{name}}_archive a
        WHERE a.ctid = ANY (ARRAY(
            SELECT max(r.place) FROM (
                SELECT {{key_of_r}}, r.place FROM old_rows r
                UNION ALL
                SELECT {{key_of_r}}, NULL FROM new_rows r
            ) r
            GROUP BY {{key_of_r}} HAVING count(*) = count(r.place)
        ))
    ), written AS (
        INSERT INTO frontview.{{name}}_archive AS a ({{columns}})
        SELECT {{columns_of_v}} FROM new_rows v
        ON CONFLICT ({{key}}) DO UPDATE SET ({{values}}) = ROW ({{excluded_values}})
        -- The images of the rows: 1.0 and 1.00 are equal, and print differently.
        WHERE ROW ({{values_of_a}})::record *<> ROW ({{excluded_values}})::record
    )
    {{add_differences}};

    whole_users := ARRAY(
        SELECT u.user_id FROM unnest(stale_users[:keys], stale_days[:keys]) u (user_id, day) WHERE u.day = '-infinity'
    );
    PERFORM frontview.{{name}}_sum_again(stale_users[:keys], whole_users);
    IF whole_users <> '{}' THEN
        keys := keys + COALESCE((
            SELECT sum(t.archive_rows) FROM frontview.{{name}}_total t WHERE t.{{user}} = ANY (whole_users)
        ), 0);
    END IF;
    rows_added := ARRAY(
        SELECT a.now - a.before FROM unnest(frontview.rows_added(tables), rows_before) a (now, before)
    );
    IF frontview.rewritten(ARRAY(SELECT s.relation FROM frontview.source s WHERE s.source = ANY (tier.sources))) THEN
        RAISE EXCEPTION 'a table of {{name}} was given new storage' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEXT;
END
$$
