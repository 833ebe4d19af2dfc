/** Small pictures next to words: how much of a limit is used, and the state of something. The words say the same. */

import { h, svg } from "../dom.js";
import { share } from "../figures.js";

const FULL = 100;
const NEARLY = 0.9;

/**
 * Return a number with a bar that shows its share of the whole.
 * @param {?number} part The share, from 0 to 1; null: no bar.
 * @param {string} [text] The number as text; by default the share.
 * @param {boolean} [isLimit] Whether a nearly full bar is marked.
 */
export function bar(part, text = share(part), isLimit = false) {
  const width = Math.max(0, Math.min(1, part ?? 0)) * FULL;
  const kind = isLimit && part >= NEARLY ? "nearly" : null;
  const picture = svg(
    "svg",
    { class: "bar-of", viewBox: `0 0 ${FULL} 6`, preserveAspectRatio: "none", "aria-hidden": "true", "data-kind": kind },
    svg("rect", { class: "whole", width: FULL, height: 6, rx: 2 }),
    svg("rect", { class: "part", width: width.toFixed(1), height: 6, rx: 2 }),
  );
  return h("span", { class: "with-bar" }, h("span", {}, text), picture);
}

/** Return words with the shape of a level: `good`, `warn`, `bad`, `plain` or `busy`. */
export function state(level, words) {
  return h("span", { class: "state", "data-level": level }, words);
}
