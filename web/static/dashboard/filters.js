/**
 * The filters of a dashboard: a choice among the values that some panel of the application groups by, with their labels,
 * or a field to type a value in.
 */

import { read } from "../api.js";
import { byId, h } from "../dom.js";
import { nameOf } from "../measures.js";
import { queryOfUser } from "./address.js";
import { labelOf } from "./groups.js";

const ALL = "all";
const NONE = "none";
const GIVEN = "value:"; // Before a value, which may be any text.

let shows = {}; // By dimension, the function that makes its filter show a value.

/** Make the filters of a dashboard; `onChange` gets a dimension and its value: null none, undefined all. */
export function makeFilters(dashboards, { name, user }, onChange) {
  const made = Object.entries(dashboards[name].filters).map(([dimension, { nullable }]) => {
    const source = sourceOf(dimension, dashboards, name);
    const change = (value) => onChange(dimension, value);
    return [dimension, source ? choice(dimension, nullable, optionsOf(dimension, source, user), change) : field(dimension, nullable, change)];
  });
  byId("filters").replaceChildren(...made.map(([, { element }]) => element));
  shows = Object.fromEntries(made.map(([dimension, { show }]) => [dimension, show]));
}

/** Make the filters show a question. */
export function showFilters({ filters }) {
  for (const [dimension, show] of Object.entries(shows)) show(filters[dimension]);
}

/** Return a panel that has a row for each value of a dimension, on this dashboard if there is one. */
function sourceOf(dimension, dashboards, name) {
  const ordered = [[name, dashboards[name]], ...Object.entries(dashboards)];
  for (const [, { href, panels }] of ordered) {
    const found = Object.entries(panels).find(([, { kind, dimensions }]) => kind === "groups" && Object.keys(dimensions).join() === dimension);
    if (found) return { href, panel: found[0], columns: found[1].columns, dimensions: found[1].dimensions };
  }
  return null;
}

function choice(dimension, nullable, coming, onChange) {
  let options = [];
  let shown;
  const select = h("select", { id: idOf(dimension), onchange: () => onChange(valueOf(select.value)) });
  const show = (value) => {
    shown = value;
    const isUnknown = typeof value === "string" && !options.some(([known]) => known === value);
    const values = isUnknown ? [...options, [value, value]] : options;
    select.replaceChildren(option(ALL, "All"), ...values.map(([known, text]) => option(GIVEN + known, text)), ...(nullable ? [option(NONE, "None")] : []));
    select.value = value === undefined ? ALL : value === null ? NONE : GIVEN + value;
  };
  const take = (found) => {
    options = found;
    show(shown);
  };
  coming.then(take, () => null); // Without an answer the panels say why.
  return { element: labelled(dimension, select), show };
}

async function optionsOf(dimension, { href, panel, columns, dimensions }, user) {
  const { data } = await read(href + queryOfUser(user));
  const rows = data[panel].rows.filter((row) => row[dimension] !== null);
  return rows.map((row) => [String(row[dimension]), labelOf(row, dimension, columns, dimensions)]).sort(([, one], [, other]) => one.localeCompare(other, undefined, { numeric: true }));
}

function field(dimension, nullable, onChange) {
  const input = h("input", { id: idOf(dimension), placeholder: "All", size: 12, onchange: () => onChange(input.value === "" ? undefined : input.value) });
  const none = h("input", { type: "checkbox", onchange: () => onChange(none.checked ? null : undefined) });
  const show = (value) => {
    input.value = value ?? "";
    none.checked = value === null;
  };
  return { element: labelled(dimension, input, nullable && h("label", {}, none, " None")), show };
}

const idOf = (dimension) => `filter-${dimension}`;

function labelled(dimension, ...controls) {
  return h("div", { class: "filter" }, h("label", { for: idOf(dimension) }, nameOf(dimension)), controls);
}

function option(value, text) {
  return h("option", { value }, text);
}

function valueOf(chosen) {
  if (chosen === ALL) return undefined;
  return chosen === NONE ? null : chosen.slice(GIVEN.length);
}
