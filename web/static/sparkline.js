/** A line of the size of a word that shows a count day by day, with a label in words for screen readers. */

import { svg } from "./dom.js";

const [WIDTH, HEIGHT, EDGE] = [120, 28, 2];

/**
 * Return the picture of some values.
 * @param {number[]} values oldest first.
 * @param {string} label says what the picture shows.
 */
export function sparkline(values, label) {
  const most = Math.max(1, ...values.map(Number));
  const step = (WIDTH - 2 * EDGE) / Math.max(1, values.length - 1);
  const points = values.map((value, place) => [EDGE + place * step, HEIGHT - EDGE - (Number(value) / most) * (HEIGHT - 2 * EDGE)]);
  const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const [lastX, lastY] = points.at(-1) ?? [EDGE, HEIGHT - EDGE];
  return svg(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": label },
    svg("polygon", { points: `${EDGE},${HEIGHT - EDGE} ${line} ${lastX.toFixed(1)},${HEIGHT - EDGE}` }),
    svg("polyline", { points: line }),
    svg("circle", { cx: lastX.toFixed(1), cy: lastY.toFixed(1), r: 2 }),
  );
}
