-- collect_stale_keys, version 1: deletes keys that every view of their source has covered; one batch of a pass
-- one row: the key with which the next batch begins, NULLs at the end of a pass; looks at p_batch keys
-- p_user, p_source, p_day: what the last call returned, NULLs to begin
-- for a tier without contents only the marks are kept that were made since its first population was announced
-- reads view_state, refresh_attempt, writes stale_key, and counts in seal what has changed late: a mark without a day, and
-- one of every key, as one change. Where a row of seal is locked, it waits for nobody: a later pass takes its marks
-- only the leader's drain connection calls it: two writers of stale_key deadlock
-- change: first version
CREATE FUNCTION frontview.collect_stale_keys(
    p_user frontview.user_key, p_source text, p_day date, p_batch integer
) RETURNS TABLE (next_user frontview.user_key, next_source text, next_day date)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    batch tid[];
    countable CONSTANT text[] := ARRAY(
        SELECT s.view FROM frontview.seal s WHERE s.sealed_through IS NOT NULL ORDER BY s.view FOR UPDATE SKIP LOCKED
    );
BEGIN
    IF p_user IS NULL THEN
        SELECT k.user_id, k.source, k.day INTO p_user, p_source, p_day
        FROM frontview.stale_key k ORDER BY k.user_id, k.source, k.day LIMIT 1;
    END IF;
    batch := ARRAY(
        SELECT k.ctid FROM frontview.stale_key k
        WHERE (k.user_id, k.source, k.day) >= (p_user, p_source, p_day)
        ORDER BY k.user_id, k.source, k.day LIMIT p_batch + 1
    );
    SELECT k.user_id, k.source, k.day INTO next_user, next_source, next_day
    FROM frontview.stale_key k WHERE k.ctid = batch[p_batch + 1];
    batch := batch[:p_batch];
    IF next_user IS NULL THEN -- The last batch: every-key marks belong to it.
        batch := batch || ARRAY(SELECT k.ctid FROM frontview.stale_key k WHERE k.user_id IS NULL);
    END IF;
    WITH collected AS (
        DELETE FROM frontview.stale_key k
        WHERE k.ctid = ANY (batch)
        AND NOT EXISTS (
            SELECT FROM frontview.view_state v LEFT JOIN frontview.refresh_attempt a USING (view, tier)
            WHERE k.source = ANY (v.sources)
            AND frontview.tier_holds(v.first_day, v.before_day, k.day)
            -- Contents that a tier gets by an attempt announced later hold all that is marked now.
            AND COALESCE(v.through, CASE WHEN a.attempts % 2 = 1 THEN a.drain_id END) < k.drain_id
        )
        AND NOT EXISTS (
            SELECT FROM frontview.view_state v
            WHERE v.tier = 'archive' AND k.day < v.first_day AND k.source = ANY (v.sources) AND v.view <> ALL (countable)
        )
        RETURNING k.source, k.day, k.drain_id
    ), late AS (
        SELECT s.view, count(*) AS changes
        FROM frontview.seal s
        INNER JOIN frontview.view_state v ON v.view = s.view AND v.tier = 'archive'
        INNER JOIN collected c ON c.source = ANY (v.sources)
            AND c.day < v.first_day AND c.drain_id > s.sealed_through
        GROUP BY s.view
    )
    UPDATE frontview.seal s SET sealed_changes = s.sealed_changes + l.changes FROM late l WHERE l.view = s.view;
    RETURN NEXT;
END
$$
