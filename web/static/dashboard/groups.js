/** A row for each value of some dimensions, with labels and sparklines; it can be sorted. */

import { h } from "../dom.js";
import { NONE, count } from "../figures.js";
import { itemOfColumn, itemsOfMeasures, nameOf } from "../measures.js";
import { sparkline } from "../sparkline.js";

export class Groups {
  #rows = [];
  #zone = "UTC";
  #sort; // {place: of the column, or -1 for the answer's own order; isDescending}

  constructor(name, panel) {
    this.dimensions = Object.keys(panel.dimensions);
    this.columns = columnsOf(panel);
    [this.spark = null] = panel.sparkline ? itemsOfMeasures(panel.sparkline) : [];
    const own = panel.order.replace("-", "");
    this.#sort = { place: this.columns.findIndex(({ sortedBy }) => sortedBy === own), isDescending: panel.order.startsWith("-") };
    this.heads = this.columns.map((column, place) => h("th", { scope: "col", class: column.isNumber ? "number" : null }, h("button", { type: "button", onclick: () => this.#sortBy(place) }, column.name)));
    const heads = this.heads.toSpliced(this.dimensions.length, 0, ...(this.spark ? [h("th", { scope: "col" }, `${this.spark.name} a day`)] : []));
    this.body = h("tbody");
    this.empty = h("p", { class: "soft", hidden: true }, "Nothing in these days.");
    this.table = h("table", {}, h("thead", {}, h("tr", {}, heads)), this.body);
    this.element = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": nameOf(name, panel.label) }, this.table, this.empty);
  }

  /** Show the panel's part of an answer. */
  show({ rows }, { timeZone }) {
    [this.#rows, this.#zone] = [rows, timeZone];
    this.#draw();
  }

  #sortBy(place) {
    const isDescending = this.#sort.place === place ? !this.#sort.isDescending : this.columns[place].isNumber;
    this.#sort = { place, isDescending, isChosen: true };
    this.#draw();
  }

  #draw() {
    const { place: by, isDescending, isChosen } = this.#sort;
    this.table.hidden = !(this.empty.hidden = this.#rows.length > 0);
    this.heads.forEach((head, place) => {
      if (place === by) head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const of = this.columns[by]?.of;
    const sorted = isChosen ? this.#rows.toSorted((one, other) => order(of(one), of(other), isDescending)) : this.#rows;
    this.body.replaceChildren(...sorted.map((row) => this.#row(row)));
  }

  #row(row) {
    const cells = this.columns.map((column, place) => {
      const text = column.write(column.of(row), this.#zone);
      return place === 0 ? h("th", { scope: "row" }, text) : h("td", { class: column.isNumber ? "number" : null }, text);
    });
    if (this.spark) cells.splice(this.dimensions.length, 0, h("td", {}, this.#sparkline(row.sparkline ?? [])));
    return h("tr", { "data-group": JSON.stringify(this.dimensions.map((name) => row[name] === null ? null : String(row[name]))) }, cells);
  }

  #sparkline(values) {
    const numbers = values.map((value) => Number(value ?? 0));
    const [least, most] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 0];
    const said = [least, most, numbers.at(-1) ?? 0].map((value) => this.spark.write(value, this.#zone));
    return sparkline(numbers, `${this.spark.name} a day over ${count(numbers.length)} days: ${said[0]} to ${said[1]}, the last ${said[2]}`);
  }
}

/** Return what a value of a dimension is called in a row: its first label that is a text, or itself. */
export function labelOf(row, dimension, columns, dimensions) {
  const label = textLabelOf(dimension, columns, dimensions);
  const text = (label && row[label]) ?? row[dimension];
  return text === null ? "None" : String(text);
}

/** Return the first label of a dimension that is a text; one of `agent_type` begins as those of `agent` do. */
function textLabelOf(dimension, columns, dimensions) {
  const longer = Object.keys(dimensions).filter((other) => other.startsWith(`${dimension}_`));
  const isOwn = (key) => key.startsWith(`${dimension}_`) && !longer.some((other) => key.startsWith(`${other}_`));
  return Object.keys(columns).find((key) => isOwn(key) && columns[key].type === "text");
}

/** Return the columns: dimensions by their labels, what else is known about their values, and measures. */
function columnsOf({ dimensions, columns, measures }) {
  const named = Object.keys(dimensions).map((key) => ({ name: nameOf(key), sortedBy: key, isNumber: false, of: (row) => labelOf(row, key, columns, dimensions), write: (text) => text }));
  const used = Object.keys(dimensions).map((key) => textLabelOf(key, columns, dimensions));
  const others = Object.keys(columns).filter((key) => !used.includes(key));
  const known = others.map((key) => ({ ...itemOfColumn(shortened(key, dimensions), columns[key]), of: (row) => row[key] }));
  const measured = itemsOfMeasures(measures).map((item) => ({ ...item, sortedBy: item.key, of: (row) => row[item.key] }));
  return [...named, ...known, ...measured];
}

/** Return a label column's name without its dimension's, where there is only one dimension. */
function shortened(key, dimensions) {
  const [only, ...more] = Object.keys(dimensions);
  return more.length ? key : key.replace(`${only}_`, "");
}

/** Compare two values; missing values are last in both directions. */
function order(one, other, isDescending) {
  const [isMissing, isOtherMissing] = [one, other].map((value) => value === null || value === undefined || value === NONE);
  if (isMissing || isOtherMissing) return isMissing - isOtherMissing;
  const compared = typeof one === "string" ? one.localeCompare(other, undefined, { numeric: true }) : one < other ? -1 : Number(one > other);
  return isDescending ? -compared : compared;
}
