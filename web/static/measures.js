/** The figures of a declared measure as people read them, by its unit, decimals and type. */

import { NONE, bytes, day, isTimeZone, share, talkTime } from "./figures.js";

const NUMBERS = ["integer", "numeric", "real", "double precision"];
const ADDED_UP = ["count", "sum", "avg", "distinct"];
const UNITS = { seconds: talkTime, percent: share, bytes };
const CURRENCY = "currency:";

/**
 * @typedef {{kind: string, type: string, decimals: ?number, unit: ?string, label: ?string}} Measure As
 *   `/api/v1/application` describes it.
 */

/** Return whether a measure's figures are numbers, so that they can be drawn. */
export function isNumber({ kind, type }) {
  return ADDED_UP.includes(kind) || NUMBERS.includes(type);
}

/** Return the name of a view or a measure for people: its label, or its name as words. */
export function nameOf(name, label) {
  const words = name.replaceAll("_", " ");
  return label ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return the function that writes a measure's figures; times are in `timeZone`, or in UTC if the browser lacks it. */
export function formatOf(measure, timeZone) {
  const written = isNumber(measure) ? numbers(measure) : texts(measure, isTimeZone(timeZone) ? timeZone : "UTC");
  return (value) => (value === null || value === undefined ? NONE : written(value));
}

function numbers({ unit, decimals }) {
  if (unit && Object.hasOwn(UNITS, unit)) return UNITS[unit];
  const digits = decimals === null ? { maximumFractionDigits: 6 } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const style = unit?.startsWith(CURRENCY) ? { style: "currency", currency: unit.slice(CURRENCY.length) } : digits;
  const format = new Intl.NumberFormat(undefined, style);
  const after = unit && !unit.startsWith(CURRENCY) ? ` ${unit}` : "";
  return (value) => (typeof value === "string" ? value : `${format.format(value)}${after}`); // NaN comes as a text.
}

function texts({ type }, timeZone) {
  if (type === "date") return (value) => day(value, { year: true });
  if (type === "timestamp with time zone") {
    const format = new Intl.DateTimeFormat(undefined, { timeZone, dateStyle: "medium", timeStyle: "short" });
    return (value) => (Number.isNaN(Date.parse(value)) ? String(value) : format.format(new Date(value))); // E.g. infinity.
  }
  return (value) => (typeof value === "boolean" ? (value ? "yes" : "no") : String(value));
}
