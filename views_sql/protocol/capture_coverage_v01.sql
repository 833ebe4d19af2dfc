-- capture_coverage, version 1: returns how every captured relation is captured now, under the caller's snapshot
-- one row a source and relation (table, partitions, inheritance children of every level); gaps: NULL, or which of the
-- source's events are not captured there. Reads frontview.source and catalogs only; needs no right on the tables
-- fingerprint: differs after anything that can let a change be missed. The xmin of catalog rows shows that a trigger
-- was disabled and enabled again, a capture function replaced, a partition detached and attached. A generation
-- expression changes values without a trigger. Storage is not part of it: TRUNCATE is captured, VACUUM FULL changes no
-- value, and PostgreSQL refuses to alter the type of a column that a live relation uses
-- change: first version
CREATE FUNCTION frontview.capture_coverage()
RETURNS TABLE (source text, relation oid, name text, fingerprint text, gaps text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE family AS (
    SELECT s.source, s.events, s.relation::oid AS relation FROM frontview.source s
    UNION
    SELECT f.source, f.events, i.inhrelid
    FROM family f JOIN pg_inherits i ON i.inhparent = f.relation AND NOT i.inhdetachpending
)
SELECT
    f.source, f.relation, f.relation::regclass::text,
    md5(concat_ws(
        '; ', p.oid, p.xmin,
        (
            SELECT string_agg(concat_ws(' ', t.oid, t.xmin), ',' ORDER BY t.oid)
            FROM pg_trigger t WHERE t.tgrelid = f.relation AND t.tgfoid = p.oid
        ),
        'in', (
            SELECT string_agg(concat_ws(' ', i.inhparent, i.xmin), ',' ORDER BY i.inhparent)
            FROM pg_inherits i WHERE i.inhrelid = f.relation
        ),
        'generated', (
            SELECT string_agg(concat_ws(' ', d.oid, d.xmin), ',' ORDER BY d.adnum)
            FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE d.adrelid = f.relation AND a.attgenerated <> ''
        ),
        subscribed.is
    )),
    NULLIF(concat_ws(', ', uncaptured.words, CASE WHEN subscribed.is THEN 'logical replication writes it' END), '')
FROM family f
JOIN pg_class c ON c.oid = f.relation
LEFT JOIN pg_proc p ON p.oid = to_regprocedure(format('frontview.%I()', 'capture_' || f.source))
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
        WHERE r.srrelid = f.relation AND s.subenabled
    )
) subscribed ("is")
CROSS JOIN LATERAL (
    SELECT string_agg(lower(e.event) || ' ' || e.state, ', ' ORDER BY e.event)
    FROM (
        SELECT wanted.event, CASE
            WHEN count(t.oid) = 0 THEN 'missing'
            WHEN bool_and(t.tgenabled = 'D') THEN 'disabled'
            WHEN NOT bool_or(t.tgenabled = 'A') THEN 'not ENABLE ALWAYS'
        END AS state
        FROM unnest(f.events) wanted (event)
        LEFT JOIN pg_trigger t ON t.tgrelid = f.relation AND t.tgfoid = p.oid AND t.tgqual IS NULL
            AND t.tgattr::text = '' -- a trigger for each statement and all columns
            AND t.tgtype = CASE wanted.event WHEN 'INSERT' THEN 4 WHEN 'DELETE' THEN 8 WHEN 'UPDATE' THEN 16 ELSE 32 END
        GROUP BY wanted.event
    ) e WHERE e.state IS NOT NULL
) uncaptured (words)
$$
