-- rows_added, version 1: returns how many rows a session inserted minus how many it deleted, a relation
-- an array in the order of p_relations; since an arbitrary time before this transaction, so only a difference tells
-- reads the session's own statistics, in which PostgreSQL counts rows exactly
-- has no SET clause, so that it costs no more than what it calls
-- change: first version
CREATE FUNCTION frontview.rows_added(p_relations regclass []) RETURNS bigint []
LANGUAGE sql VOLATILE
RETURN ARRAY(
    SELECT pg_stat_get_xact_tuples_inserted(r.relation) - pg_stat_get_xact_tuples_deleted(r.relation)
    FROM unnest(p_relations) WITH ORDINALITY r (relation, place) ORDER BY r.place
)
