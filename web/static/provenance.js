/**
 * Where the numbers of a panel came from and how old they are: words and a shape, which unfold to the facts.
 */

import { h } from "./dom.js";
import { age, count, instant, took } from "./figures.js";

const SOURCES = { cache: "the front cache", materialized_view: "the view", database: "the base tables" };

const FACTS = ["Answered by", "Computed at", "Checked at", "Server took", "Days computed live", "Watermark"];
const TICK_MS = 1000;
const SOON_SECONDS = 2;
const shown = new Map();
let hasBegun = false;

/** Show it in a panel's head; the elements are kept, so that focus and unfolded parts are kept. */
export function showProvenance(place, provenance, timeZone) {
  const parts = shown.get(place)?.parts ?? made(place);
  const kind = provenance.stale ? "stale" : provenance.source;
  parts.details.dataset.source = parts.shape.dataset.source = kind;
  parts.said.textContent = words(provenance);
  facts(provenance, timeZone).forEach((text, row) => {
    parts.facts[row].textContent = text;
  });
  begin();
  shown.set(place, { parts, provenance });
}

function begin() {
  if (hasBegun) return;
  hasBegun = true;
  setInterval(grow, TICK_MS);
  addEventListener("click", ({ target }) => fold((details) => !details.contains(target)));
  addEventListener("keydown", ({ key }) => key === "Escape" && fold(() => true));
}

function fold(isMeant) {
  for (const { parts } of shown.values()) if (isMeant(parts.details)) parts.details.removeAttribute("open");
}

function made(place) {
  const shape = h("span", { class: "shape", "aria-hidden": "true" });
  const said = h("span");
  const facts = FACTS.map(() => h("dd"));
  const rows = FACTS.map((name, row) => h("div", {}, h("dt", {}, name), facts[row]));
  const details = h("details", { class: "source" }, h("summary", {}, shape, said), h("dl", { class: "facts" }, ...rows));
  place.replaceChildren(details);
  return { details, shape, said, facts };
}

/** Return it as words at the time `now`, e.g. "exact, from the view, 2 ms" or "cache, 0.4 s old". */
export function words({ source, stale, calculatedAt, milliseconds }, now = Date.now()) {
  const seconds = (now - calculatedAt) / 1000;
  if (stale) return `out of date, ${age(seconds)} old`;
  if (source === "cache") return `cache, ${age(seconds)} old`;
  return `exact, from ${SOURCES[source]}, ${took(milliseconds)}${seconds < SOON_SECONDS ? "" : `, ${age(seconds)} ago`}`;
}

/** Ages increase between requests; a panel that has left the page is forgotten. */
function grow() {
  for (const [place, { parts, provenance }] of shown) {
    if (place.isConnected) parts.said.textContent = words(provenance);
    else shown.delete(place);
  }
}

/** Return the facts in the order of {@link FACTS}. */
function facts(provenance, timeZone) {
  return [
    SOURCES[provenance.source],
    instant(provenance.calculatedAt, timeZone, { seconds: true }),
    instant(provenance.receivedAt, timeZone, { seconds: true }),
    took(provenance.milliseconds),
    count(provenance.patchedDays),
    provenance.watermark,
  ];
}
