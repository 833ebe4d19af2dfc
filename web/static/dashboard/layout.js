/** How wide each panel of a dashboard is: as many of them side by side as their kinds allow, in the declared order. */

import { shownColumns } from "./list.js";

const WHOLE = 12;

/** Return each panel's width in twelfths, by its name; the widths of a row add up to twelve. */
export function widthsOf(panels) {
  const rows = [[]];
  let free = WHOLE;
  for (const [name, panel] of Object.entries(panels)) {
    const width = leastWidth(panel);
    if (width > free) {
      rows.push([]);
      free = WHOLE;
    }
    rows.at(-1).push({ name, width, grows: panel.kind === "series" });
    free -= width;
  }
  return Object.fromEntries(rows.flatMap(filled));
}

/** Spread what is left of a row over its series, or over all of its panels. */
function filled(row) {
  let left = WHOLE - row.reduce((sum, { width }) => sum + width, 0);
  const growing = row.some(({ grows }) => grows) ? row.filter(({ grows }) => grows) : row;
  for (let place = 0; left > 0; place = (place + 1) % growing.length, left -= 1) growing[place].width += 1;
  return row.map(({ name, width }) => [name, width]);
}

function leastWidth({ kind, measures, columns, dimensions, periods, sparkline }) {
  const figures = Object.keys(measures).length;
  if (kind === "facts") return 4;
  if (kind === "series") return 7;
  if (kind === "compare") return figures < 3 ? 4 : figures < 4 ? 6 : WHOLE;
  if (kind === "periods") return periods.length < 3 ? 4 : periods.length < 5 ? 6 : WHOLE;
  const count = kind === "list" ? shownColumns(columns).length : figures + Object.keys(dimensions).length + (sparkline ? 2 : 0);
  return count < 5 ? 4 : count < 6 ? 5 : count < 8 ? 7 : WHOLE;
}
