/** A table of numbers with a row for each label, such as the one behind a chart; it scrolls by itself. */

import { h } from "./dom.js";

export class NumbersTable {
  #formats;

  /**
   * @param {string} first Head of the first column.
   * @param {{name: string, format: function(*): string}[]} columns
   */
  constructor(first, columns) {
    this.#formats = columns.map(({ format }) => format);
    this.first = h("th", { scope: "col" }, first);
    this.body = h("tbody");
    const heads = columns.map(({ name }) => h("th", { scope: "col", class: "number" }, name));
    const table = h("table", {}, h("thead", {}, h("tr", {}, this.first, heads)), this.body);
    const scroll = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The numbers of this chart" }, table);
    this.element = h("details", { class: "behind" }, h("summary", {}, "Show as a table"), scroll);
  }

  /** Show values: one array per column, each as long as `labels`. */
  show(labels, values) {
    this.body.replaceChildren(...labels.map((label, row) => this.#row(label, values.map((column) => column[row]))));
  }

  #row(label, values) {
    const cells = this.#formats.map((format, place) => h("td", { class: "number" }, format(values[place])));
    return h("tr", {}, h("th", { scope: "row" }, label), cells);
  }
}
