-- {{name}}_rebuild, version 1: computes the archive and its sums again, beside the present tables, and takes their place
-- returns nothing; runs as the owner
-- reads {{name}}_live, and for sealed days the old archive; replaces {{name}}_archive and {{name}}_total
-- the caller holds the tiers' gates, and its transaction is REPEATABLE READ. Reads that began before see by the storage
-- of the old tables that they were replaced, and read again. Raises 55P03 when readers leave no moment for it
-- change: first version
CREATE FUNCTION frontview.{{name}}_rebuild() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tier frontview.view_state;
    tries integer := 0;
    statement text;
    patience text := current_setting('lock_timeout');
BEGIN
    -- Keeps autovacuum away, and no reader. Its worker gives way to a wait of a second, and not to the short ones below.
    LOCK TABLE frontview.{{name}}_archive, frontview.{{name}}_total IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT s.* INTO STRICT tier FROM frontview.view_state s WHERE s.view = '{{name}}' AND s.tier = 'archive';
    -- Measured, INSERT into a table that is there takes 1.7 times as long. In the order of the key a user's rows are on
    -- few pages, so reads take half the time; the key and the sums are made faster, by as much as the order costs.
    CREATE TABLE frontview.{{name}}_archive_new{{storage}} AS
    SELECT {{columns_of_v}}
    FROM frontview.{{name}}_live v WHERE v.{{day}} >= tier.first_day AND v.{{day}} < tier.before_day
    UNION ALL
    SELECT {{columns_of_v}} FROM frontview.{{name}}_archive v
    WHERE tier.first_day > '-infinity' AND v.{{day}} < tier.first_day
    ORDER BY {{key}};
    COMMENT ON TABLE frontview.{{name}}_archive_new IS {{comment}};
    ALTER TABLE frontview.{{name}}_archive_new ADD CONSTRAINT {{name}}_archive_new_key PRIMARY KEY ({{key}});
    CREATE TABLE frontview.{{name}}_total_new (LIKE frontview.{{name}}_total){{storage}};
    COMMENT ON TABLE frontview.{{name}}_total_new IS {{comment}};
    INSERT INTO frontview.{{name}}_total_new ({{user}}, {{measures}}, archive_rows)
    SELECT a.{{user}}, {{sums_of_a}}, count(*) FROM frontview.{{name}}_archive_new a GROUP BY a.{{user}};
    ALTER TABLE frontview.{{name}}_total_new ADD CONSTRAINT {{name}}_total_new_key PRIMARY KEY ({{user}});
    FOR statement IN
        SELECT format(
            'GRANT %s ON frontview.%I TO %s%s', a.privilege_type, c.relname || '_new',
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END
        )
        FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
        WHERE c.oid IN ('frontview.{{name}}_archive'::regclass, 'frontview.{{name}}_total'::regclass)
        UNION ALL
        SELECT format('ALTER TABLE frontview.%I SET (%s)', c.relname || '_new', array_to_string(c.reloptions, ', '))
        FROM pg_class c
        WHERE c.oid IN ('frontview.{{name}}_archive'::regclass, 'frontview.{{name}}_total'::regclass)
        AND c.reloptions IS NOT NULL
    LOOP
        EXECUTE statement;
    END LOOP;
    -- Both at once, and never waiting as long as a deadlock takes to be found: a read may hold one and want the other.
    LOOP
        BEGIN
            SET LOCAL lock_timeout = '100ms';
            LOCK TABLE frontview.{{name}}_archive, frontview.{{name}}_total IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            tries := tries + 1;
            IF tries = 300 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.02 * random());
        END;
    END LOOP;
    PERFORM set_config('lock_timeout', patience, TRUE);
    DROP TABLE frontview.{{name}}_archive;
    DROP TABLE frontview.{{name}}_total;
    ALTER TABLE frontview.{{name}}_archive_new RENAME TO {{name}}_archive;
    ALTER TABLE frontview.{{name}}_archive RENAME CONSTRAINT {{name}}_archive_new_key TO {{name}}_archive_key;
    ALTER TABLE frontview.{{name}}_total_new RENAME TO {{name}}_total;
    ALTER TABLE frontview.{{name}}_total RENAME CONSTRAINT {{name}}_total_new_key TO {{name}}_total_key;
    -- From PostgreSQL 18 on, a column that is NOT NULL has a constraint, named after its table.
    FOR statement IN
        SELECT format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', n.conrelid::regclass, n.conname, n.wanted)
        FROM (
            SELECT k.conrelid, k.conname, format('%s_%s_not_null', c.relname, a.attname) AS wanted
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
            WHERE k.contype = 'n'
            AND c.oid IN ('frontview.{{name}}_archive'::regclass, 'frontview.{{name}}_total'::regclass)
        ) n
        WHERE n.conname <> n.wanted AND length(n.wanted) < 64
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$
