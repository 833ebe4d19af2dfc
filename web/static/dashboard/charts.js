/**
 * Which charts show the measures of a series: measures of one unit share one. Where some are the parts of another one, by
 * the figures themselves, they are stacked; else several are lines, and a single one is bars.
 */

const MOST_LINES = 5; // As many as there are colours.
const STYLES = [
  { colour: "--series-1", pattern: "plain" },
  { colour: "--series-2", pattern: "hatch" },
  { colour: "--series-3", pattern: "lines" },
  { colour: "--series-4", pattern: "dots" },
  { colour: "--series-5", pattern: "cross" },
];
const LINES = ["--series-1", "--series-5", "--series-2", "--series-4", "--series-3"].map((colour) => ({ colour, line: true }));

/**
 * @typedef {{items: Item[], whole: ?Item, style: "stacked"|"lines"|"bars"}} Chart `whole`: of which the items are the parts.
 */

/** Return the charts of measures, given the rows of an answer. @returns {Chart[]} */
export function chartsOf(items, rows) {
  const byUnit = Map.groupBy(items.filter(({ isNumber }) => isNumber), (item) => item.unit ?? (item.kind === "count" || item.kind === "distinct" ? "" : `=${item.key}`));
  return [...byUnit.values()].flatMap((group) => withParts(group, rows));
}

/** Return how the items of a chart are drawn, in their order. */
export function stylesOf({ items, style }) {
  return items.map((_, place) => (style === "lines" ? LINES : STYLES)[place % STYLES.length]);
}

function withParts(items, rows) {
  const found = items.length > 2 ? firstWhole(items, rows) : null;
  if (!found) return inLines(items);
  const rest = items.filter((item) => item !== found.whole && !found.items.includes(item));
  return [{ ...found, style: "stacked" }, ...withParts(rest, rows)];
}

/** Return the first item that is the sum of those that follow it, with as many of them as it is the sum of. */
function firstWhole(items, rows) {
  for (const [place, whole] of items.entries()) {
    for (let end = Math.min(items.length, place + 1 + STYLES.length); end > place + 2; end -= 1) {
      const parts = items.slice(place + 1, end);
      if (isSum(whole, parts, rows)) return { whole, items: parts };
    }
  }
  return null;
}

function isSum(whole, parts, rows) {
  if (![whole, ...parts].every(({ kind }) => kind === "count" || kind === "sum")) return false;
  const sums = rows.map((row) => parts.reduce((sum, { key }) => sum + Number(row[key]), 0));
  return sums.some((sum) => sum > 0) && rows.every((row, place) => Number(row[whole.key]) === sums[place]);
}

function inLines(items) {
  const charts = [];
  for (let first = 0; first < items.length; first += MOST_LINES) {
    const some = items.slice(first, first + MOST_LINES);
    charts.push({ items: some, whole: null, style: some.length > 1 ? "lines" : "bars" });
  }
  return charts;
}
