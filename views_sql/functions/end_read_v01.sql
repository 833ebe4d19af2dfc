-- end_read, version 1: the answer of an exact read, after the check that no table was rewritten under it
-- one row; functions lock their tables after their snapshot exists, so a TRUNCATE or a rewriting ALTER that
-- commits between leaves a mixture: the storage seen by the snapshot then differs from the storage of now
-- raises 40001 (read again) in that case
-- change: first version
CREATE FUNCTION frontview.end_read(
    p_state frontview.read_state, p_body text, p_first date, p_last date, p_valid_until timestamptz
) RETURNS frontview.answer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer frontview.answer;
    dated boolean;
BEGIN
    IF frontview.rewritten(p_state.storage) THEN
        RAISE EXCEPTION 'a table was rewritten under this read' USING ERRCODE = 'serialization_failure';
    END IF;
    SELECT
        bool_or(v.history_readable OR v.recent_readable) FILTER (WHERE v.horizon IS NOT NULL),
        CASE WHEN bool_or(v.history_readable OR v.recent_readable) THEN 'materialized_view' ELSE 'database' END
    INTO dated, answer.source
    FROM unnest(p_state.views) v;
    -- rows without a day do not make an answer "from the view" when all its days came from base tables
    IF NOT dated THEN
        answer.source := 'database';
    END IF;
    answer.patched_days := CASE WHEN answer.source = 'database' THEN 0 ELSE (
        SELECT count(DISTINCT day) FROM unnest(p_state.views) v, unnest(v.days) day
    ) END;
    answer.body := p_body;
    answer.epoch := p_state.epoch;
    answer.drain_id := p_state.drain_id;
    answer.undrained := p_state.undrained;
    answer.first_day := p_first;
    answer.last_day := p_last;
    answer.valid_until := p_valid_until;
    RETURN answer;
END
$$
