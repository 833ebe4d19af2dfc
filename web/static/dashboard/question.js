/**
 * What the page shows, from its address: range, granularity and the user. The address can be shared and works with the
 * back button; a value that is not valid counts as absent.
 */

import { daysAfter } from "../figures.js";

const RANGES = { "7d": 7, "30d": 30, "90d": 90, "365d": 365 };
const USUAL = "30d";
const LONGEST_DAYS = 400;
const GRANULARITIES = ["day", "week", "month"];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Return the question of an address's query: {range, from, to, granularity, user}; null: absent. */
export function questionOf(query) {
  const said = new URLSearchParams(query);
  const [from, to] = [dayOf(said.get("from")), dayOf(said.get("to"))];
  const isCustom = from && to && !faultOfDates(from, to);
  return {
    range: isCustom ? "custom" : Object.hasOwn(RANGES, said.get("range")) ? said.get("range") : USUAL,
    from: isCustom ? from : null,
    to: isCustom ? to : null,
    granularity: GRANULARITIES.includes(said.get("granularity")) ? said.get("granularity") : null,
    user: said.get("user"),
  };
}

/** Return the query of the address for a question. */
export function queryOf({ range, from, to, granularity, user }) {
  const said = new URLSearchParams();
  if (user) said.set("user", user);
  if (range === "custom") {
    said.set("from", from);
    said.set("to", to);
  } else if (range !== USUAL) said.set("range", range);
  if (granularity) said.set("granularity", granularity);
  const query = said.toString();
  return query && `?${query}`;
}

/** Return what is wrong with two dates; an empty text if nothing is. */
export function faultOfDates(from, to) {
  if (!from || !to) return "Choose both dates.";
  if (from > to) return "The first date is after the last one.";
  if (daysAfter(from, LONGEST_DAYS - 1) < to) return `At most ${LONGEST_DAYS} days can be shown at once.`;
  return "";
}

/** Return the number of days of the question. */
export function daysOf({ range, from, to }) {
  return range === "custom" ? Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1 : RANGES[range];
}

/** Return the chosen granularity, or the one that suits the range. */
export function granularityOf(question) {
  const days = daysOf(question);
  return question.granularity ?? (days <= 62 ? "day" : days <= 210 ? "week" : "month");
}

/** Return whether the question's days depend on the user's current day. */
export function needsToday({ range }) {
  return range !== "custom" && range !== USUAL;
}

/**
 * Return the API's parameters: {period, user} as query strings without their `?`. The default range is left out, as in most
 * requests, so that they share the cached answers.
 * @param {string} today The user's current day from the server; needed for ranges that end today.
 */
export function parametersOf(question, today) {
  const period = new URLSearchParams();
  if (question.range === "custom") {
    period.set("from", question.from);
    period.set("to", question.to);
  } else if (needsToday(question) && today) {
    period.set("from", daysAfter(today, 1 - daysOf(question)));
  }
  const user = new URLSearchParams(question.user ? { user_id: question.user } : {});
  return { period: period.toString(), user: user.toString() };
}

function dayOf(text) {
  return text && DAY.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text) ? text : null;
}
