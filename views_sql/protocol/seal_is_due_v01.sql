-- seal_is_due, version 1: returns whether days of a view can be sealed under the caller's snapshot, as was requested
-- one boolean; false where nothing was requested, and while a transaction is open that was open at the request
-- reads seal, view_state, drain, change_log. Prepared transactions are open, too
-- what those transactions changed must be marked: a change that is marked after the seal counts as a late one. A backlog
-- is marked first: a seal writes in one transaction what is not marked
-- change: first version
CREATE FUNCTION frontview.seal_is_due(p_view text) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT EXISTS (
    SELECT FROM frontview.seal s
    INNER JOIN frontview.view_state v ON v.view = s.view AND v.tier = 'archive'
    CROSS JOIN LATERAL (
        SELECT d.marked, d.marking, d.system_identifier FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
    ) n
    WHERE s.view = p_view AND v.through IS NOT NULL
    AND s.sealing_before > v.first_day AND s.sealing_before <= v.before_day
    AND n.system_identifier = (SELECT c.system_identifier FROM pg_control_system() c)
    AND n.marking IS NULL
    AND pg_snapshot_xmin(pg_current_snapshot()) > s.asked_xid
    AND NOT EXISTS (
        SELECT FROM frontview.change_log l
        WHERE l.xid >= pg_snapshot_xmin(n.marked) AND l.xid < s.asked_xid
        AND NOT pg_visible_in_snapshot(l.xid, n.marked)
    )
)
$$
