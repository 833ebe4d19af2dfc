/** The first panel: whether all is well, otherwise what is wrong and what to do about it; and five current figures. */

import { h } from "../dom.js";
import { NONE, bytes, count, decimal, share } from "../figures.js";
import { setText } from "../panel.js";
import { sparkline } from "../sparkline.js";
import { attentionOf, isSilent, trustOf } from "./attention.js";
import { answerTo } from "./runbook.js";
import { clock, lag, within } from "./words.js";

const STEP_SECONDS = 10;
const STEPS_OF_NOW = 3;
const FIGURES = [
  ["reads_per_second", "Reads a second"],
  ["hit_ratio", "Hit ratio, 15 minutes"],
  ["p99_ms", "99 % of computed reads"],
  ["drain_age_seconds", "Age of the newest drain"],
  ["trusted_workers", "Trusted workers"],
];

export class Status {
  constructor() {
    this.words = h("p", { class: "verdict-words", id: "verdict-words" });
    this.summary = h("p", { class: "soft" });
    this.verdict = h("div", { class: "verdict", id: "verdict" }, h("div", {}, this.words, this.summary));
    this.list = h("ol", { class: "attention", id: "attention" });
    this.cards = Object.fromEntries(
      FIGURES.map(([key, name]) => {
        const [value, more, line] = [h("p", { class: "value", "data-figure": key }), h("p", { class: "soft more" }), h("div", { class: "line" })];
        return [key, { value, more, line, element: h("div", { class: "figure" }, h("h3", {}, name), value, more, line) }];
      }),
    );
    const cards = Object.values(this.cards).map(({ element }) => element);
    this.element = h("div", { class: "status" }, this.verdict, this.list, h("div", { class: "figures" }, ...cards));
  }

  show(stats, context) {
    const found = attentionOf(stats);
    const worst = found[0]?.level ?? "good";
    this.verdict.dataset.level = worst;
    const words = wordsOf(found);
    if (this.words.textContent !== words) this.words.textContent = words;
    this.summary.textContent = found.length ? "Answers stay exact unless one of these says otherwise." : calm(stats);
    document.title = `${found.length ? `(${found.length}) ` : ""}Operations · Frontview`;
    this.list.replaceChildren(...found.map((item) => entry(item, context)));
    this.#showTraffic(stats);
    this.#showHealth(stats);
    return this.element;
  }

  #showTraffic({ history = [], regions = [] }) {
    const steps = history.filter(({ complete }) => complete !== false);
    const now = steps.slice(-STEPS_OF_NOW);
    const rate = now.length ? sum(now, readsOf) / (now.length * STEP_SECONDS) : null;
    const reads = sum(steps, readsOf);
    const ratio = reads ? sum(steps, ({ cache }) => cache) / reads : null;
    const answered = steps.filter(({ hit_ratio: one }) => one !== null);
    this.#card("reads_per_second", rate >= 100 ? count(rate) : decimal(rate), `now; ${count(reads)} in 15 minutes`, [steps.map(readsOf), "Reads in steps of 10 s over 15 minutes"]);
    this.#card("hit_ratio", share(ratio), "answered by the front cache", [answered.map((step) => step.hit_ratio), "Hit ratio in steps of 10 s over 15 minutes"]);
    this.#card("p99_ms", slowest(regions, "computed"), `from the cache ${slowest(regions, "cache")}; slowest region, since the workers started`);
  }

  #showHealth({ freshness, watermark, workers = [] }) {
    const undrained = freshness?.drain_lag ?? watermark?.undrained_rows;
    this.#card("drain_age_seconds", lag(freshness?.drain_age_seconds ?? watermark?.age_seconds), `rows waiting for the next one: ${count(undrained)}`);
    const trust = trustOf(workers);
    const memory = sum(workers, (worker) => (isSilent(worker) ? 0 : (worker.memory_bytes ?? 0)));
    this.#card("trusted_workers", trust ? `${count(trust.trusting)} of ${count(trust.all)}` : NONE, `may use their cache${memory ? `; ${bytes(memory)} of memory together` : ""}`);
  }

  #card(key, value, more, line = null) {
    const card = this.cards[key];
    setText(card.value, value);
    card.more.textContent = more;
    card.line.replaceChildren(...(line?.[0].length > 1 ? [sparkline(...line)] : []));
  }
}

/** Return the verdict on the findings of {@link attentionOf}. */
function wordsOf(found) {
  if (!found.length) return "All is well";
  const [bad, warn] = ["bad", "warn"].map((one) => found.filter(({ level }) => level === one).length);
  const things = (number) => (number === 1 ? "One thing" : `${count(number)} things`);
  if (!bad) return `${things(warn)} to know`;
  return `${things(bad)} to act on${warn ? `, ${count(warn)} to know` : ""}`;
}

function calm({ leader, standbys, audit = [] }) {
  const checks = sum(audit, (view) => view.checks);
  const standing = standbys === undefined ? "" : standbys.length ? `, ${count(standbys.length)} ${standbys.length === 1 ? "stands" : "stand"} by` : ", none stands by";
  return `${leader ? "One refresher leads" : "The leader is not known"}${standing}. The audit found no difference in ${count(checks)} comparisons.`;
}

function entry({ level, kind, subject, detail, since }, { timeZone }) {
  const { title, meaning, todo } = answerTo(kind);
  return h(
    "li",
    { "data-alarm": kind, "data-level": level },
    h("h3", {}, h("span", { class: "state", "data-level": level }, level === "bad" ? "Act" : "Know"), ` ${title}${subject ? `: ${subject}` : ""}`),
    h("p", {}, [detail, meaning, since ? `Since ${clock(since, timeZone)}.` : ""].filter(Boolean).join(" ")),
    h("p", { class: "todo" }, h("strong", {}, "What to do: "), todo),
  );
}

/** Return the upper bound of 99 % of the reads of the slowest region. */
function slowest(regions, part) {
  const used = regions.filter((region) => region[part]?.requests);
  if (!used.length) return NONE;
  const bounds = used.map((region) => region[part].p99_ms);
  return within(bounds.includes(null) ? null : Math.max(...bounds), 1);
}

const readsOf = ({ cache, materialized_view: view, database, stale }) => cache + view + database + stale;
const sum = (rows, of) => rows.reduce((total, row) => total + of(row), 0);
