-- capture_coverage, version 1: returns how every captured relation is captured now, under the caller's snapshot
-- one row a source and relation (table, partitions, inheritance children of every level); gaps: NULL, or which of the
-- source's events are not captured there, or a parent outside of the source's table, whose statements fire none of the
-- triggers for statements here. Reads frontview.source and catalogs only; needs no right on the tables
-- fingerprint: differs after anything that can let a change be missed. The xmin of catalog rows shows that a trigger
-- was disabled and enabled again, a capture function replaced, a partition detached and attached. A generation
-- expression changes values without a trigger. Storage is not part of it: TRUNCATE is captured, VACUUM FULL changes no
-- value, and PostgreSQL refuses to alter the type of a column that a live relation uses
-- one row more a source and enum that its answers show: fingerprint is a JSON object of the labels by their ids
-- change: first version
CREATE FUNCTION frontview.capture_coverage()
RETURNS TABLE (source text, relation oid, name text, fingerprint text, gaps text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH RECURSIVE family AS (
    SELECT s.source, s.events, s.watched IS NOT NULL AND c.relkind = 'r' AS by_row, c.oid AS relation
    FROM frontview.source s JOIN pg_class c ON c.oid = s.relation
    UNION
    SELECT f.source, f.events, f.by_row, i.inhrelid
    FROM family f JOIN pg_inherits i ON i.inhparent = f.relation AND NOT i.inhdetachpending
)
SELECT
    f.source, f.relation, f.relation::regclass::text,
    md5(concat_ws(
        '; ',
        (SELECT string_agg(concat_ws(' ', p.oid, p.xmin), ',' ORDER BY p.oid) FROM pg_proc p WHERE p.oid = ANY (used.all)),
        (
            SELECT string_agg(concat_ws(' ', t.oid, t.xmin), ',' ORDER BY t.oid)
            FROM pg_trigger t WHERE t.tgrelid = f.relation AND t.tgfoid = ANY (used.triggers)
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
    NULLIF(concat_ws(
        ', ', uncaptured.words, CASE WHEN subscribed.is THEN 'logical replication writes it' END,
        (
            SELECT format(
                'it is a part of %s now, whose statements pass its triggers by: declare the root',
                string_agg(i.inhparent::regclass::text, ' and ' ORDER BY i.inhparent)
            )
            FROM pg_inherits i
            WHERE i.inhrelid = f.relation
            AND NOT EXISTS (SELECT FROM family k WHERE k.source = f.source AND k.relation = i.inhparent)
            HAVING count(*) > 0
        )
    ), '')
FROM family f
JOIN pg_class c ON c.oid = f.relation
CROSS JOIN LATERAL (
    SELECT
        array_agg(p.oid) AS "all",
        array_agg(p.oid) FILTER (WHERE p.proname IN ('capture_' || f.source, 'named_capture_' || f.source)) AS triggers
    FROM pg_proc p
    WHERE p.pronamespace = 'frontview'::regnamespace AND p.proname IN (
        'capture_' || f.source, 'named_capture_' || f.source,
        'captured_user_' || f.source, 'captured_day_' || f.source, 'captured_digest_' || f.source,
        'captured_moved_' || f.source, 'captured_change_' || f.source
    )
) used
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
        LEFT JOIN pg_trigger t ON t.tgrelid = f.relation AND t.tgfoid = ANY (used.triggers)
            AND t.tgattr::text = '' -- all columns
            -- A trigger for each statement, without a condition; or for each row that an UPDATE changed.
            AND (t.tgqual IS NULL OR f.by_row AND wanted.event = 'UPDATE')
            AND t.tgtype = CASE
                WHEN wanted.event = 'INSERT' THEN 4 WHEN wanted.event = 'DELETE' THEN 8
                WHEN wanted.event = 'UPDATE' THEN CASE WHEN f.by_row THEN 17 ELSE 16 END ELSE 32
            END
        GROUP BY wanted.event
    ) e WHERE e.state IS NOT NULL
) uncaptured (words)
UNION ALL
SELECT s.source, e.enumtypid, e.enumtypid::regtype::text, jsonb_object_agg(e.oid, e.enumlabel)::text, NULL
FROM frontview.source s
JOIN pg_attribute a ON a.attrelid = frontview.rows_of_source(s.source)
JOIN pg_enum e ON e.enumtypid = a.atttypid
GROUP BY s.source, e.enumtypid
$$
