/** How fresh the caches and the views are: what waits for a drain, and what reads computed live. */

import { h } from "../dom.js";
import { NONE, count, share } from "../figures.js";
import { isSilent, trustOf } from "./attention.js";
import { state } from "./marks.js";
import { keep } from "./table.js";
import { lag } from "./words.js";

const LINES = [
  ["drain_age_seconds", "Newest drain", "since the leader last drained changes"],
  ["drain_lag", "Rows to drain", "committed, and not yet drained"],
  ["feed_lag_seconds", "Worst feed lag", "the worker that is furthest behind"],
  ["trust", "Trust", "caches that may answer"],
  ["stale_keys", "Stale keys", "days of users that reads compute live"],
  ["patched_share", "Patched reads", "computed reads that had such days, since the workers started"],
  ["watermark", "Watermark", "epoch and number of the newest drain"],
];

export class Freshness {
  constructor() {
    this.values = Object.fromEntries(LINES.map(([key]) => [key, h("dd", { class: "number", "data-figure": `freshness.${key}` })]));
    const lines = LINES.map(([key, name, why]) => h("div", {}, h("dt", {}, name, h("span", { class: "soft why" }, why)), this.values[key]));
    this.element = h("dl", { class: "lines" }, ...lines);
  }

  show({ freshness = {}, watermark, workers = [] }, { trustSeconds }) {
    const lags = workers.map((worker) => (isSilent(worker) ? null : worker.feed_lag_seconds)).filter((lag) => typeof lag === "number");
    const worst = lags.length ? Math.max(...lags) : null;
    const trust = trustOf(workers);
    const { patched_reads: patched, computed_reads: computed } = freshness;
    const values = {
      drain_age_seconds: lag(freshness.drain_age_seconds ?? watermark?.age_seconds),
      drain_lag: count(freshness.drain_lag ?? watermark?.undrained_rows),
      feed_lag_seconds: worst !== null && worst > trustSeconds ? state("warn", `${lag(worst)}, beyond trust`) : lag(worst),
      trust: trust ? state(trust.trusting === trust.all ? "good" : "warn", `${count(trust.trusting)} of ${count(trust.all)}`) : NONE,
      stale_keys: count(freshness.stale_keys ?? watermark?.stale_keys),
      patched_share: computed ? `${share(patched / computed)} of ${count(computed)}` : NONE,
      watermark: watermark ? `${watermark.epoch}-${watermark.drain_id}` : NONE,
    };
    for (const [key, value] of Object.entries(values)) keep(this.values[key], value);
    return this.element;
  }
}
