/**
 * What the page shows, from its address: the dashboard, range, granularity, filters and the user. The address can be shared
 * and works with the back button; a part that is not valid, or that the dashboard does not heed, counts as absent.
 */

import { daysAfter } from "../figures.js";

const USUAL_RANGES = [7, 30, 90, 365];
const FILTER = "filter."; // Before a dimension's name, which has no dot, so that it can be any word.
const NOTHING = ".null";
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const LEAST_DAYS = { month: 28, quarter: 90, year: 365 }; // From which on a granularity makes sense.

/**
 * Return the question of an address's query, for the dashboards of an application.
 * @returns {{name: string, user: ?string, range: ?string, days: ?number, from: ?string, to: ?string, granularity: ?string,
 *   filters: Object<string, ?string>}} `range`: a number of days as in `30d`, `custom`, which has `from` and `to`,
 *   or null where no panel has days; `granularity`: the chosen one; `filters`: values by dimension, null: no value.
 */
export function questionOf(query, dashboards) {
  const said = new URLSearchParams(query);
  const name = Object.hasOwn(dashboards, said.get("dashboard") ?? "") ? said.get("dashboard") : Object.keys(dashboards)[0];
  const dashboard = dashboards[name];
  const granularity = said.get("granularity");
  return {
    name,
    user: said.get("user"),
    ...rangeOf(said, dashboard),
    granularity: dashboard.granularities.includes(granularity) ? granularity : null,
    filters: Object.fromEntries(Object.keys(dashboard.filters).flatMap((dimension) => filterOf(said, dimension))),
  };
}

/** Return a query in which some parts are others; null: absent. */
export function changed(query, parts) {
  const said = new URLSearchParams(query);
  for (const [name, value] of Object.entries(parts)) {
    if (value === null) said.delete(name);
    else said.set(name, value);
  }
  const text = said.toString();
  return text && `?${text}`;
}

/** Return the parts of an address that say a filter; `value` undefined: any value. */
export function filterParts(dimension, value) {
  return { [FILTER + dimension]: value ?? null, [FILTER + dimension + NOTHING]: value === null ? "true" : null };
}

/** Return the numbers of days that a dashboard offers; none if it heeds no days. */
export function rangesOf({ longest_days: longest, default_days: usual }) {
  if (!longest) return [];
  return [...new Set([...USUAL_RANGES, usual])].filter((days) => days <= longest).sort((one, other) => one - other);
}

/** Return what is wrong with two dates; an empty text if nothing is. */
export function faultOfDates(from, to, { longest_days: longest }) {
  if (!from || !to) return "Choose both dates.";
  if (from > to) return "The first date is after the last one.";
  if (daysAfter(from, longest - 1) < to) return `At most ${longest} days can be shown at once.`;
  return "";
}

/** Return the chosen granularity, or the one that suits the range. */
export function granularityOf({ granularity, days }) {
  return granularity ?? (days <= 62 ? "day" : days <= 210 ? "week" : "month");
}

/** Return whether a granularity makes sense for a number of days. */
export function suits(granularity, days) {
  return days >= (LEAST_DAYS[granularity] ?? 0);
}

/** Return whether the question's days depend on the user's current day: the default range is the server's to say. */
export function needsToday({ range, days }, dashboard) {
  return range !== "custom" && days !== dashboard.default_days;
}

/**
 * Return the query of the API for a question. The default range is left out, as in most requests, so that they share the
 * cached answers.
 * @param {?string} today The user's current day from the server; needed for ranges that end today.
 */
export function queryOf(question, dashboard, today) {
  const query = new URLSearchParams();
  if (question.range === "custom") {
    query.set("from", question.from);
    query.set("to", question.to);
  } else if (needsToday(question, dashboard)) query.set("from", daysAfter(today, 1 - question.days));
  if (dashboard.granularities.length) query.set("granularity", granularityOf(question));
  for (const [dimension, value] of Object.entries(question.filters)) {
    query.set(value === null ? dimension + NOTHING : dimension, value ?? "true");
  }
  return asQuery(query, question.user);
}

/** Return the query of the API that says only whose data it is. */
export function queryOfUser(user) {
  return asQuery(new URLSearchParams(), user);
}

function asQuery(query, user) {
  if (user) query.set("user_id", user);
  const text = query.toString();
  return text && `?${text}`;
}

function rangeOf(said, dashboard) {
  if (!dashboard.longest_days) return { range: null, from: null, to: null, days: null };
  const [from, to] = [dayOf(said.get("from")), dayOf(said.get("to"))];
  if (from && to && !faultOfDates(from, to, dashboard)) {
    return { range: "custom", from, to, days: Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1 };
  }
  const days = rangesOf(dashboard).find((offered) => `${offered}d` === said.get("range")) ?? dashboard.default_days;
  return { range: `${days}d`, from: null, to: null, days };
}

function filterOf(said, dimension) {
  if (said.get(FILTER + dimension + NOTHING) === "true") return [[dimension, null]];
  const value = said.get(FILTER + dimension);
  return value === null ? [] : [[dimension, value]];
}

function dayOf(text) {
  return text && DAY.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text) ? text : null;
}
