/** Rows as they are, the newest or largest first. */

import { h } from "../dom.js";
import { itemsOfColumns, nameOf } from "../measures.js";

const LONG = 20;

export class List {
  constructor(name, { columns, label }) {
    this.items = shownColumns(columns);
    this.body = h("tbody");
    this.empty = h("p", { class: "soft", hidden: true }, "Nothing yet. The first row appears here within a moment.");
    const heads = this.items.map((item) => h("th", { scope: "col", class: item.isNumber ? "number" : null }, item.name));
    this.table = h("table", {}, h("thead", {}, h("tr", {}, heads)), this.body);
    this.element = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": nameOf(name, label) }, this.table, this.empty);
  }

  /** Show the panel's part of an answer. */
  show(rows, { timeZone }) {
    this.table.hidden = !(this.empty.hidden = rows.length > 0);
    this.body.replaceChildren(...rows.map((row) => h("tr", {}, this.items.map((item) => cell(item, row[item.key], timeZone)))));
  }
}

/** Return the columns that people read: keys are left out where there is anything else. */
export function shownColumns(columns) {
  const items = itemsOfColumns(columns);
  const others = items.filter(({ key }) => !/(^|_)id$/.test(key));
  return others.length ? others : items;
}

function cell(item, value, timeZone) {
  const text = item.write(value, timeZone);
  if (item.type === "timestamp with time zone" && value !== null) return h("td", {}, h("time", { datetime: value }, text));
  const title = text.length > LONG ? text : null; // What does not fit is there in whole.
  return h("td", { class: item.isNumber ? "number" : "text", title }, text);
}
