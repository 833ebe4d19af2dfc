/**
 * What is shown under a name, a declared measure or a column: how people call it, whether it is a number, and how its
 * values are written, by unit, decimals and type.
 */

import { NONE, bytes, credits, day, instant, isTimeZone, share, short, talkTime } from "./figures.js";

const NUMBERS = ["integer", "numeric"];
const UNITS = { seconds: talkTime, percent: share, bytes, cents: credits };
const CURRENCY = "currency:";
const COUNTED = /^(.+)_(seconds|cents|bytes|percent)$/; // The name of a column that ends with its unit.
const UNSAID = /(?<=.)_name$|^is_(?=.)/; // What a column's name has and its head needs not say.
const ZONED = "timestamp with time zone";
const UNZONED = "timestamp without time zone"; // Shown as the row has it.

/**
 * @typedef {{kind: string, type: string, decimals: ?number, unit: ?string, label: ?string, better: ?string}} Measure As
 *   `/api/v1/application` describes it.
 * @typedef {{key: string, name: string, isNumber: boolean, type: string, unit: ?string, better: ?string,
 *   write: function(*, string): string}} Item `write`: returns a value's text; times are in the time zone given.
 */

/** Return the items of an object of measures. @returns {Item[]} */
export function itemsOfMeasures(measures) {
  return Object.entries(measures).map(([key, measure]) => ({ ...measure, key, name: nameOf(key, measure.label), isNumber: isNumber(measure), write: writer(measure) }));
}

/** Return the items of an object of columns, whose units are the last words of their names. @returns {Item[]} */
export function itemsOfColumns(columns) {
  return Object.entries(columns).map(([key, column]) => itemOfColumn(key, column));
}

/** Return the item of a column, e.g. of `cost_cents`, whose name is Cost and whose unit is cents. @returns {Item} */
export function itemOfColumn(key, { type }) {
  const [, stem, unit = null] = (isNumber({ type }) && COUNTED.exec(key)) || [null, key];
  const column = { type, unit, decimals: null, kind: null, better: null };
  return { ...column, key, name: nameOf(stem.replace(UNSAID, "")), isNumber: isNumber(column), write: writer(column) };
}

/** Return whether values are numbers, so that they can be drawn. */
export function isNumber({ type }) {
  return NUMBERS.includes(type);
}

/** Return the name of something declared for people: its label, or its name as words. */
export function nameOf(name, label) {
  const words = name.replaceAll("_", " ");
  return label ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return the function that labels the axis of a chart of a measure. */
export function axisOf({ unit }) {
  if (unit === "cents") return (value) => short(value / 100);
  if (unit?.startsWith(CURRENCY)) {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency: unit.slice(CURRENCY.length), notation: "compact", maximumFractionDigits: 1 });
    return (value) => format.format(value);
  }
  return UNITS[unit] ?? short;
}

function writer(measure) {
  const written = isNumber(measure) ? numbers(measure) : texts(measure);
  return (value, timeZone) => (value === null || value === undefined ? NONE : written(value, timeZone));
}

function numbers({ unit, decimals }) {
  const known = unit && Object.hasOwn(UNITS, unit) ? UNITS[unit] : null;
  const isMoney = Boolean(unit?.startsWith(CURRENCY));
  const digits = decimals === null ? { maximumFractionDigits: 6 } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const format = new Intl.NumberFormat(undefined, isMoney ? { style: "currency", currency: unit.slice(CURRENCY.length) } : digits);
  const after = unit && !isMoney ? ` ${unit}` : "";
  const write = known ?? ((value) => `${format.format(value)}${after}`);
  return (value) => (typeof value === "string" ? value : write(value)); // NaN comes as a text.
}

function texts({ type }) {
  if (type === "date") return (value) => (Number.isNaN(Date.parse(value)) ? String(value) : day(value, { year: true }));
  if (type === ZONED) return (value, timeZone) => instant(value, isTimeZone(timeZone) ? timeZone : "UTC");
  if (type === UNZONED) return (value) => instant(value, "UTC", { zone: "Z" });
  return plain;
}

function plain(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map((one) => (one === null ? NONE : plain(one))).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
