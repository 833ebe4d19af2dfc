-- end_read, version 1: returns the answer of an exact read, after the check that no table was rewritten meanwhile
-- one row; functions lock their tables after their snapshot exists, so a TRUNCATE or a rewriting ALTER that commits
-- in between leaves a mixture: the storage seen by the snapshot then differs from the present storage
-- raises 40001 (read again) in that case
-- change: first version
CREATE FUNCTION frontview.end_read(
    p_state frontview.read_state, p_body text, p_first date, p_last date, p_valid_until timestamptz
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF frontview.storage_changed(p_state.storage, p_state.filenodes) AND frontview.rewritten(p_state.storage) THEN
        RAISE EXCEPTION 'a table was rewritten under this read' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN ROW (
        p_body, p_state.epoch, p_state.drain_id, p_state.source, p_state.patched_days, p_state.undrained,
        p_first, p_last, p_valid_until
    );
END
$$
