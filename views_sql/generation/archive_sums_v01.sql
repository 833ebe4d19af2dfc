-- archive_sums, version 1: adds the differences between new and old rows of an archive to the sums of their users
-- a statement that a function's query ends with or goes on from: one row a user whose sums changed
-- reads new_rows and old_rows of that query; writes {{name}}_total. An old sum is subtracted, never computed
-- a sum that is NaN or infinite stays so: {{name}}_sum_again follows
-- change: first version
INSERT INTO frontview.{{name}}_total AS t ({{user}}, {{measures}}, archive_rows)
SELECT d.{{user}}, {{sums_of_d}}, sum(d.archive_rows)
FROM (
    SELECT v.{{user}}, {{measures_of_v}}, 1 AS archive_rows FROM new_rows v
    UNION ALL
    SELECT v.{{user}}, {{negated_measures_of_v}}, -1 FROM old_rows v
) d
GROUP BY d.{{user}}
ON CONFLICT ({{user}}) DO UPDATE SET {{added_measures}}, archive_rows = t.archive_rows + excluded.archive_rows
WHERE ({{excluded_measures}}, excluded.archive_rows) <> ({{zeros}}, 0)
