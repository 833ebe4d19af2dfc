/**
 * Numbers, times and days as people read them: in the browser's language, in the user's time zone.
 * Whole numbers may be BigInt: sums beyond 2^53 keep every digit.
 */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const upToTwo = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const twoDecimals = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const oneDecimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const NONE = "–";

export const count = (value) => (isNothing(value) ? NONE : whole.format(value));
export const short = (value) => (isNothing(value) ? NONE : compact.format(value));
export const share = (value) => (isNothing(value) ? NONE : percent.format(value));
export const decimal = (value) => (isNothing(value) ? NONE : upToTwo.format(value));

/** Return an amount given in cents, e.g. 123456 as 1,234.56. */
export function credits(value) {
  if (isNothing(value)) return NONE;
  if (typeof value !== "bigint") return twoDecimals.format(value / 100);
  const units = whole.format(value / 100n);
  return `${units}${twoDecimals.format(Number(value % 100n < 0n ? -(value % 100n) : value % 100n) / 100).slice(1)}`;
}

/** Return a length of time as hours, minutes and seconds, e.g. 75 as 1:15. */
export function talkTime(seconds) {
  if (isNothing(seconds)) return NONE;
  const value = Math.round(Number(seconds));
  const [hours, minutes] = [Math.floor(value / 3600), Math.floor(value / 60) % 60];
  const rest = String(value % 60).padStart(2, "0");
  return hours ? `${whole.format(hours)}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Return an age, e.g. 0.42 as 0.4 s and 200 as 3 min. */
export function age(seconds) {
  if (isNothing(seconds)) return NONE;
  if (seconds < 10) return `${oneDecimal.format(Math.max(0, seconds))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Return how long something took, e.g. 0.31 as 0.3 ms. */
export function took(milliseconds) {
  if (isNothing(milliseconds)) return NONE;
  if (milliseconds >= 1000) return `${oneDecimal.format(milliseconds / 1000)} s`;
  return `${milliseconds < 10 ? oneDecimal.format(milliseconds) : Math.round(milliseconds)} ms`;
}

/** Return bytes, e.g. 51200 as 51 kB. */
export function bytes(value) {
  if (isNothing(value)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let rest = Number(value);
  let unit = 0;
  while (rest >= 1000 && unit < units.length - 1) [rest, unit] = [rest / 1000, unit + 1];
  return `${rest < 10 && unit ? oneDecimal.format(rest) : Math.round(rest)} ${units[unit]}`;
}

/** Return a calendar day (YYYY-MM-DD), e.g. Nov 23, on request with year and weekday. */
export function day(text, { year = false, weekday = false } = {}) {
  const shown = { timeZone: "UTC", month: "short", day: "numeric" };
  if (year) shown.year = "numeric";
  if (weekday) shown.weekday = "short";
  return new Intl.DateTimeFormat(undefined, shown).format(new Date(`${text}T00:00:00Z`));
}

/** Return the month of a calendar day, e.g. Nov 2026. */
export function month(text) {
  return new Intl.DateTimeFormat(undefined, { timeZone: "UTC", month: "short", year: "numeric" }).format(
    new Date(`${text}T00:00:00Z`),
  );
}

/** Return what a period of a granularity is called that begins on a day; `years`: whether its year must be said. */
export function period(text, granularity, years) {
  if (granularity === "year") return text.slice(0, 4);
  if (granularity === "quarter") return `Q${Math.ceil(Number(text.slice(5, 7)) / 3)} ${text.slice(0, 4)}`;
  return granularity === "month" ? month(text) : day(text, { year: years });
}

/** Return two days as a range, with a year where it is needed. */
export function range(from, to) {
  return `${day(from, { year: from.slice(0, 4) !== to.slice(0, 4) })} – ${day(to, { year: true })}`;
}

/**
 * Return an instant in a time zone: the time alone if it is of that zone's today, else with its day, and with its year if
 * that is another one; as it is if the browser has no such date (infinity, a year past 9999).
 * @param {string} [zone] what is missing at the end of a text that says no zone.
 */
export function instant(value, timeZone, { seconds = false, zone = "" } = {}) {
  const time = new Date(zone ? value + zone : value);
  if (Number.isNaN(time.getTime())) return String(value);
  const shown = { timeZone, hour: "2-digit", minute: "2-digit" };
  if (seconds) shown.second = "2-digit";
  const [its, now] = [today(timeZone, time), today(timeZone)];
  if (its !== now) Object.assign(shown, { month: "short", day: "numeric" });
  if (its.slice(0, 4) !== now.slice(0, 4)) shown.year = "numeric";
  return new Intl.DateTimeFormat(undefined, shown).format(time);
}

/** Return the calendar day (YYYY-MM-DD) that an instant has in a time zone. */
export function today(timeZone, at = new Date()) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).formatToParts(at);
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day}`;
}

/** Return the calendar day that is the given number of days after another one. */
export function daysAfter(text, days) {
  return new Date(Date.parse(`${text}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Return whether the browser knows a time zone; PostgreSQL knows more time zones. */
export function isTimeZone(name) {
  try {
    return Boolean(new Intl.DateTimeFormat(undefined, { timeZone: name }));
  } catch {
    return false;
  }
}

function isNothing(value) {
  return value === null || value === undefined || Number.isNaN(value);
}
