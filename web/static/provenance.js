/**
 * Where the numbers of a panel came from and how old they are; a word and a shape, the facts behind it.
 */

import { h } from "./dom.js";
import { age, count, instant, took } from "./figures.js";

const SOURCES = { cache: "the front cache", materialized_view: "the view", database: "the base tables" };

/** Show it in a panel's head, in place of what was there; whether it is unfolded stays. */
export function showProvenance(place, provenance, timeZone) {
  const open = place.querySelector("details")?.open ?? false;
  const kind = provenance.stale ? "stale" : provenance.source;
  const summary = h("summary", { title: "Where these numbers come from" }, h("span", { class: "shape", "data-source": kind, "aria-hidden": "true" }), words(provenance));
  place.replaceChildren(h("details", { class: "source", open, "data-source": kind }, summary, facts(provenance, timeZone)));
}

/** Return it in words, e.g. "exact, from the view, 2 ms" or "cache, 0.4 s old". */
export function words({ source, stale, ageSeconds, milliseconds }) {
  if (stale) return `out of date, ${age(ageSeconds)} old`;
  if (source === "cache") return `cache, ${age(ageSeconds)} old`;
  return `exact, from ${SOURCES[source]}, ${took(milliseconds)}`;
}

function facts(provenance, timeZone) {
  const rows = [
    ["Answered by", SOURCES[provenance.source]],
    ["Computed at", instant(provenance.calculatedAt, timeZone, { seconds: true })],
    ["Checked at", instant(provenance.receivedAt, timeZone, { seconds: true })],
    ["Server's time", took(provenance.milliseconds)],
    ["Days computed live", count(provenance.patchedDays)],
    ["Watermark", provenance.watermark],
  ];
  return h("dl", { class: "facts" }, ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
}
