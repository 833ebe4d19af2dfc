-- read_of_periods, version 1: the statement of a grouped read that groups by nothing and compares with nothing
-- a part of grouped_read; it is one statement of its own, because most questions are of this kind
-- reads what grouped_read reads; the totals are the row of period -infinity
-- every period is there: one without rows has zeros
-- change: first version
WITH {{read_rows}}
shown AS MATERIALIZED (
    SELECT r.period{{merged_of_r}} FROM read_row r GROUP BY r.period
){{counted}}
SELECT
    '{' || {{head}} || '"rows":[' || string_agg(
        '{' || concat_ws(',', {{period_member}}, NULLIF(f.measured, '')) || '}', ','
        ORDER BY
            CASE WHEN sort_by = 'period' THEN {{period_number}} * sign END, f.sort_value * sign NULLS LAST, f.period
    ) FILTER (WHERE f.period > '-infinity') || '],"totals":{'
    || max(f.measured) FILTER (WHERE f.period = '-infinity') || '},"truncated":false}'
INTO body
FROM (
    SELECT f.period, {{sort_of_rows}} AS sort_value, concat_ws(',', {{members}}) AS measured
    FROM (
        SELECT s.period{{values_of_s}}
        FROM (
            SELECT p.* FROM shown p
            UNION ALL
            SELECT '-infinity'{{merged_of_p}} FROM shown p
        ) s{{joined_to_shown}}
        OFFSET 0
    ) f
) f;
