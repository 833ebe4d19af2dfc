/** Refreshes as the page shows them: tiers that were refreshed together are one entry. Pure. */

const GOOD = new Set(["refreshed", "populated", "moved"]);

/**
 * Return refreshes, the oldest first: {view, tiers, startedAt, durationMs, rows, outcome, isGood}.
 * @param {Object[]} entries of `refresh_history`: one per tier.
 */
export function refreshesOf(entries) {
  const found = new Map();
  for (const { view, tier, started_at: started, duration_ms: durationMs, row_count: rows, outcome } of entries) {
    const key = `${view} ${started} ${durationMs} ${outcome}`;
    const before = found.get(key);
    if (before) {
      before.tiers.push(tier);
      before.rows = rows === null ? before.rows : (before.rows ?? 0) + rows;
    } else found.set(key, { view, tiers: [tier], startedAt: started, durationMs, rows, outcome, isGood: GOOD.has(outcome) });
  }
  return [...found.values()];
}
