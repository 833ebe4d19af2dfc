-- read_of_groups, version 1: the statement of a grouped read by dimensions, or with a comparison
-- a part of grouped_read; body stays NULL when the answer would have too many rows
-- reads what grouped_read reads; the totals are the row of period -infinity. place is the rank of a group; the groups
-- beyond the limit are in the place after it
-- change: first version
WITH {{read_rows}}
by_group AS MATERIALIZED (
    SELECT r.side, r.period{{keys_of_r}}{{merged_of_r}}
    FROM read_row r GROUP BY r.side, r.period{{keys_of_r}}
), ranked AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY o.sort_value * sign NULLS LAST{{order_of_o}}) AS place{{keys_of_o}}
    FROM (
        SELECT {{sort_of_groups}} AS sort_value{{keys_of_g}}
        FROM (
            SELECT 0 AS every_group{{keys_of_b}}{{now_of_b}} FROM by_group b GROUP BY every_group{{keys_of_b}}
        ) g{{joined_for_order}}
    ) o
), shown AS MATERIALIZED (
    SELECT LEAST(k.place, p_limit + 1) AS place, b.period{{sides_of_b}}
    FROM by_group b INNER JOIN ranked k ON {{same_group_of_b}}
    WHERE k.place <= p_limit OR p_other
    GROUP BY LEAST(k.place, p_limit + 1), b.period
    UNION ALL
    SELECT 0, '-infinity'{{sides_of_b}} FROM by_group b
){{counted}}
SELECT CASE WHEN LEAST(n.groups, p_limit + p_other::integer) * {{period_count}} <= 10000 THEN (
    SELECT
        '{' || {{head}} || '"rows":[' || COALESCE(string_agg(
            '{' || concat_ws(',', {{period_member}}, {{group_members}}, NULLIF(f.measured, '')) || '}', ','
            ORDER BY
                CASE WHEN sort_by = 'period' THEN {{period_number}} * sign END,
                CASE WHEN NOT grouped THEN f.sort_value * sign END NULLS LAST,
                f.place, f.period
        ) FILTER (WHERE f.period > '-infinity'), '') || '],"totals":{'
        || max(f.measured) FILTER (WHERE f.period = '-infinity')
        || '},"truncated":' || (n.groups > p_limit)::text || '}'
    FROM (
        SELECT f.place, f.period, {{sort_of_rows}} AS sort_value, concat_ws(',', {{members}}) AS measured
        FROM (
            SELECT s.place, s.period{{values_of_s}} FROM shown s{{joined_to_shown}} OFFSET 0
        ) f
    ) f LEFT JOIN ranked k ON k.place = f.place AND f.place <= p_limit
) END
INTO body
FROM (SELECT count(*) AS groups FROM ranked) n;
