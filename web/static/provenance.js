/**
 * Where the numbers of a panel came from and how old they are; a word and a shape, the facts behind it.
 */

import { h } from "./dom.js";
import { age, count, instant, took } from "./figures.js";

const SOURCES = { cache: "the front cache", materialized_view: "the view", database: "the base tables" };

const TICK_MS = 1000;
const SOON_SECONDS = 2;
const shown = new Map();

/** Show it in a panel's head, in place of what was there; whether it is unfolded stays. */
export function showProvenance(place, provenance, timeZone) {
  const open = place.querySelector("details")?.open ?? false;
  const kind = provenance.stale ? "stale" : provenance.source;
  const said = h("span", {}, words(provenance));
  const summary = h("summary", {}, h("span", { class: "shape", "data-source": kind, "aria-hidden": "true" }), said);
  place.replaceChildren(h("details", { class: "source", open, "data-source": kind }, summary, facts(provenance, timeZone)));
  if (!shown.size) setInterval(grow, TICK_MS);
  shown.set(place, { said, provenance });
}

/** Return it in words as of `now`, e.g. "exact, from the view, 2 ms" or "cache, 0.4 s old". */
export function words({ source, stale, calculatedAt, milliseconds }, now = Date.now()) {
  const seconds = (now - calculatedAt) / 1000;
  if (stale) return `out of date, ${age(seconds)} old`;
  if (source === "cache") return `cache, ${age(seconds)} old`;
  return `exact, from ${SOURCES[source]}, ${took(milliseconds)}${seconds < SOON_SECONDS ? "" : `, ${age(seconds)} ago`}`;
}

/** Ages go on while nothing is asked. */
function grow() {
  for (const { said, provenance } of shown.values()) said.textContent = words(provenance);
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
