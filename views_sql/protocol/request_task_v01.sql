-- request_task, version 1: requests a refresh or a warming from the leader
-- one row: the task's id, and whether it is new; an equal request before the task begins is the same task
-- writes operator_task; p_kind: refresh or warm
-- change: first version
CREATE FUNCTION frontview.request_task(p_kind text, p_argument jsonb, p_asked_by text)
RETURNS TABLE (task_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    FOR attempt IN 1 .. 3 LOOP  -- the leader may begin the waiting task between the two statements
        INSERT INTO frontview.operator_task AS t (kind, argument, asked_by) VALUES (p_kind, p_argument, p_asked_by)
        ON CONFLICT (kind, argument) WHERE started_at IS NULL DO NOTHING
        RETURNING t.task_id INTO task_id;
        is_new := FOUND;
        IF NOT is_new THEN
            SELECT t.task_id INTO task_id FROM frontview.operator_task t
            WHERE t.kind = p_kind AND t.argument = p_argument AND t.started_at IS NULL;
        END IF;
        EXIT WHEN task_id IS NOT NULL;
    END LOOP;
    RETURN NEXT;
END
$$
