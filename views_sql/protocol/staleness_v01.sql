-- staleness, version 1: what one read may take from one maintained view, and what it must recompute
-- horizon: first day of the recent tier, NULL for a view without days
-- *_readable: the tier is wanted, populated, and not stale as a whole; recent_readable stands for tier 'whole' too,
-- and total_readable for the sums of both tiers
-- days: stale days within readable tiers and within the days asked for; sealed_before: the archive alone has earlier
-- days, -infinity: none, NULL for a view without days
-- change: first version
CREATE TYPE frontview.staleness AS (
    view text,
    horizon date,
    archive_readable boolean,
    recent_readable boolean,
    total_readable boolean,
    days date [],
    sealed_before date
)
