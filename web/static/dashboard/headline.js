/** Four figures of the period, each compared with the equally long period before it. */

import { h } from "../dom.js";
import { count, credits, day, share } from "../figures.js";
import { setText } from "../panel.js";

/** `better`: which direction is good news. */
const FIGURES = [
  { key: "calls", name: "Calls", show: count, better: 1 },
  { key: "success_rate", name: "Completed", show: share, better: 1 },
  { key: "conversion_rate", name: "Leads converted", show: share, better: 1 },
  { key: "cost_per_converted_lead_cents", name: "Credits per converted lead", show: credits, better: -1 },
];
const POINTS = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const CHANGE = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

export class Headline {
  constructor() {
    this.cards = FIGURES.map(({ key, name }) => {
      const value = h("p", { class: "value", "data-figure": key });
      const change = h("p", { class: "change" });
      return { element: h("div", { class: "figure" }, h("h3", {}, name), value, change), value, change };
    });
    this.periods = h("p", { class: "soft" });
    this.element = h("div", {}, this.periods, h("div", { class: "figures" }, ...this.cards.map(({ element }) => element)));
  }

  /** Show the data of `/api/v1/performance`. */
  show({ current, previous, change }) {
    this.periods.textContent = `${period(current)}, compared with ${period(previous)}`;
    FIGURES.forEach(({ key, show, better }, place) => {
      const card = this.cards[place];
      setText(card.value, show(current[key]));
      const difference = show === share ? pointsInWords(current[key], previous[key], better) : changeInWords(change[key], better);
      card.change.dataset.verdict = difference.verdict;
      card.change.replaceChildren(h("span", { class: "delta" }, difference.text), " ", h("span", { class: "before" }, `Before: ${show(previous[key])}`));
    });
  }
}

/** Return a relative change as text, and whether it is better, worse or neither. */
export function changeInWords(ratio, better) {
  if (ratio === null || ratio === undefined) return { text: "No comparison.", verdict: "none" };
  return inWords(ratio, CHANGE.format(Math.abs(ratio)), better);
}

/** Return a percentage's change in points, as {@link changeInWords} does: a relative change of a percentage misleads. */
export function pointsInWords(now, before, better) {
  if (now === null || before === null) return { text: "No comparison.", verdict: "none" };
  const points = (now - before) * 100;
  return inWords(now - before, `${POINTS.format(Math.abs(points))} points`, better);
}

function inWords(change, text, better) {
  if (Math.abs(change) < 0.0005) return { text: "Unchanged.", verdict: "same" };
  const verdict = Math.sign(change) === better ? "better" : "worse";
  return { text: `${change > 0 ? "▲" : "▼"} ${text}, ${verdict}.`, verdict };
}

const period = ({ from, to }) => `${day(from, { year: from.slice(0, 4) !== to.slice(0, 4) })} – ${day(to, { year: true })}`;
