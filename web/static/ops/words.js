/** Formats times and outcomes for this page. */

import { NONE, age, decimal, instant, took } from "../figures.js";

const GOOD = /^(refreshed|populated|moved|planned|warmed)/;
const BAD = /^(failed|refused|lost|fenced|busy|no )/;
const SLOWEST_BOUND = "> 20 s";

/** Return the time since an instant, e.g. "3 s ago". */
export function ago(seconds) {
  return seconds === null || seconds === undefined ? NONE : `${age(seconds)} ago`;
}

/** Return a time of which fractions of a second matter: 40 ms, 0.4 s, 3 min. */
export function lag(seconds) {
  return typeof seconds === "number" && seconds < 1 ? took(Math.max(0, seconds) * 1000) : age(seconds);
}

/** Return the bound of a histogram's bucket below which a share of requests is, e.g. "≤ 0.25 ms". */
export function within(milliseconds, requests) {
  if (!requests) return NONE;
  if (milliseconds === null || milliseconds === undefined) return SLOWEST_BOUND;
  return milliseconds >= 1000 ? `≤ ${decimal(milliseconds / 1000)} s` : `≤ ${decimal(milliseconds)} ms`;
}

/** Return the level of an outcome, which its first word decides. */
export function levelOf(outcome) {
  if (BAD.test(outcome)) return "bad";
  return GOOD.test(outcome) ? "good" : "plain";
}

/** Return an instant of the server with seconds. */
export function clock(value, timeZone) {
  return value ? instant(value, timeZone, { seconds: true }) : NONE;
}
