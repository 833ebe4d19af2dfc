/** Figures of a range, each with its change from another range of the same length. */

import { h } from "../dom.js";
import { range, share } from "../figures.js";
import { itemsOfMeasures } from "../measures.js";
import { setText } from "../panel.js";

const POINTS = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const MOST_IN_A_ROW = 5;
const UNCHANGED = 0.0005; // Of which nothing would be seen.
const NO_COMPARISON = { text: "No comparison.", verdict: "none" }; // NaN comes as a text.

export class Compare {
  constructor(name, { measures }) {
    this.cards = itemsOfMeasures(measures).map((item) => {
      const value = h("p", { class: item.isNumber ? "value" : "value text", "data-figure": `${name}.${item.key}` });
      const change = h("p", { class: "change" });
      return { item, value, change, element: h("div", { class: "figure" }, h("h3", {}, item.name), value, change) };
    });
    this.ranges = h("p", { class: "soft" });
    const figures = h("div", { class: "figures" }, ...this.cards.map(({ element }) => element));
    figures.style.setProperty("--columns", columnsOf(this.cards.length));
    this.element = h("div", {}, this.ranges, figures);
  }

  /** Show the panel's part of an answer. */
  show({ current, previous, change }, { timeZone }) {
    this.ranges.textContent = `${range(current.from, current.to)}, compared with ${range(previous.from, previous.to)}`;
    for (const { item, ...card } of this.cards) {
      setText(card.value, item.write(current[item.key], timeZone));
      const told = item.isNumber && differenceInWords(item, current[item.key], previous[item.key], change[item.key]);
      card.change.dataset.verdict = told ? told.verdict : "none";
      const before = h("span", { class: "before" }, `Before: ${item.write(previous[item.key], timeZone)}`);
      card.change.replaceChildren(...(told ? [h("span", { class: "delta" }, told.text), " "] : []), before);
    }
  }
}

/** Return the number of columns that makes rows of the same length, as far as that is possible. */
function columnsOf(cards) {
  return Math.ceil(cards / Math.ceil(cards / MOST_IN_A_ROW));
}

/** Return a change as text, and whether it is better, worse or neither; a share's in points, as its ratio misleads. */
function differenceInWords({ unit, better }, now, before, ratio) {
  return unit === "percent" ? pointsInWords(now, before, better) : changeInWords(ratio, better);
}

/** Return a relative change in words. `better`: `more`, `less`, or null: neither is. */
export function changeInWords(ratio, better) {
  if (typeof ratio !== "number") return NO_COMPARISON;
  return inWords(ratio, share(Math.abs(ratio)), better);
}

/** Return the change of a share in points. */
export function pointsInWords(now, before, better) {
  if (typeof now !== "number" || typeof before !== "number") return NO_COMPARISON;
  return inWords(now - before, `${POINTS.format(Math.abs(now - before) * 100)} points`, better);
}

function inWords(change, text, better) {
  if (Math.abs(change) < UNCHANGED) return { text: "Unchanged.", verdict: "same" };
  const sign = change > 0 ? "▲" : "▼";
  if (!better) return { text: `${sign} ${text}.`, verdict: "none" };
  const verdict = (change > 0) === (better === "more") ? "better" : "worse";
  return { text: `${sign} ${text}, ${verdict}.`, verdict };
}
