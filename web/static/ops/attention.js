/**
 * What needs an operator's attention, computed from the system's statistics: pure, the most serious first.
 * "bad": an operator should act; "warn": it may pass, or costs only time. Thresholds are those of docs/prometheus-alerts.yml.
 */

import { count } from "../figures.js";

const SILENT_DRAIN_SECONDS = 5;
const MANY_UNDRAINED = 10_000;
const SILENT_WORKER_SECONDS = 15;
const WARNINGS = new Set(["capture_changed", "sealed_changed", "drop_refused", "notification_queue", "audit_failing"]);
const LATEST_STEPS = 6; // Steps of ten seconds that count as now.

/**
 * @typedef {{level: "bad"|"warn", kind: string, subject: string, detail: string, since: ?string}} Attention
 */

/**
 * Return everything that needs attention.
 * @param {Object} stats of `GET /api/v1/admin/stats`; a member that is absent raises nothing.
 * @returns {Attention[]}
 */
export function attentionOf(stats) {
  const found = [...alarms(stats), ...refresher(stats), ...workers(stats), ...audit(stats), ...answers(stats), ...tiers(stats)];
  return found.sort((one, other) => (one.level === "warn") - (other.level === "warn"));
}

function alarms({ alarms: raised = [] }) {
  return raised.map(({ kind, subject, detail, since, times }) => ({
    level: WARNINGS.has(kind) ? "warn" : "bad",
    kind,
    subject,
    detail: `${detail}${times > 1 ? ` (${count(times)} times)` : ""}.`,
    since,
  }));
}

function refresher({ leader, freshness, watermark }) {
  if (leader === null) return [about("bad", "no_leader")];
  const age = freshness?.drain_age_seconds ?? watermark?.age_seconds ?? 0;
  if (age > SILENT_DRAIN_SECONDS) return [about("bad", "refresher_silent", "", `The newest drain is ${Math.round(age)} s old.`)];
  const undrained = freshness?.drain_lag ?? watermark?.undrained_rows ?? 0;
  return undrained > MANY_UNDRAINED ? [about("warn", "drain_behind", "", `Waiting rows: ${count(undrained)}.`)] : [];
}

function workers({ workers: all = [], leader }) {
  const silent = all.filter(isSilent);
  const untrusted = all.filter((worker) => worker.trusted === false && !isSilent(worker));
  const names = (found) => found.map(nameOf).join(", ");
  const longest = Math.round(Math.max(...silent.map((worker) => worker.seen_seconds_ago)));
  return [
    ...(silent.length ? [about("warn", "worker_silent", names(silent), `Last reported ${longest} s ago.`)] : []),
    // Without a leader no worker can be trusted, which another entry says.
    ...(untrusted.length && leader !== null ? [about("warn", "untrusted", names(untrusted), `${untrusted.length} of ${all.length} workers.`)] : []),
  ];
}

function audit({ audit: views = [], alarms: raised = [] }) {
  const isRaised = (view) => raised.some(({ kind, subject }) => kind === "exactness" && subject === view);
  return views
    .filter(({ view, violations }) => violations > 0 && !isRaised(view))
    .map(({ view, violations, checks }) => about("warn", "violations", view, `${count(violations)} of ${count(checks)} comparisons.`));
}

function answers({ history = [] }) {
  const stale = history.slice(-LATEST_STEPS).reduce((sum, step) => sum + (step.stale ?? 0), 0);
  return stale ? [about("bad", "stale_answers", "", `${count(stale)} in the last minute.`)] : [];
}

function tiers({ views = [], leader }) {
  return views
    .filter(({ populated }) => !populated)
    .map(({ view, tier }) => about(leader === null ? "bad" : "warn", "unpopulated", `${view}/${tier}`));
}

/** Return whether a worker's last report is so old that it hangs or has ended. */
export function isSilent({ seen_seconds_ago: seconds }) {
  return seconds > SILENT_WORKER_SECONDS;
}

/**
 * Return how many of the reporting workers may use their cache: {trusting, all}; null if no worker reports it.
 * @param {Object[]} workers
 */
export function trustOf(workers) {
  const telling = workers.filter((worker) => !isSilent(worker) && worker.trusted !== undefined);
  return telling.length ? { trusting: telling.filter(({ trusted }) => trusted).length, all: telling.length } : null;
}

/** Return the name of a worker. */
export function nameOf({ host, pid }) {
  return `${host} · ${pid}`;
}

function about(level, kind, subject = "", detail = "") {
  return { level, kind, subject, detail, since: null };
}
