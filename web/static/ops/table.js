/**
 * Tables whose rows stay the same elements while their numbers change, so that focus, selection and scroll position survive
 * every update.
 */

import { h } from "../dom.js";

/**
 * @typedef {{name: string, cell: function(Object): (string|Node), number?: boolean, kind?: string}} Column
 *   The first column is the row's head; `kind`: a class of the column's cells.
 */

/** Rows of one `tbody`, each identified by its key. */
export class Rows {
  #rows = new Map();

  /**
   * @param {{columns: Column[], key: function(Object): string, mark?: function(Object): Object<string, *>, first?: Element}}
   *   shape `mark`: attributes of a row that never change; `first`: a row above them.
   */
  constructor({ columns, key, mark = () => ({}), first = null }) {
    Object.assign(this, { columns, key, mark, first });
    this.body = h("tbody", {}, first);
  }

  show(rows) {
    const before = this.#rows;
    this.#rows = new Map(rows.map((row) => [this.key(row), before.get(this.key(row)) ?? this.#made(row)]));
    for (const row of rows) this.#fill(this.#rows.get(this.key(row)), row);
    const wanted = [...(this.first ? [this.first] : []), ...this.#rows.values()];
    const stands = wanted.length === this.body.children.length && wanted.every((row, place) => row === this.body.children[place]);
    if (!stands) this.body.replaceChildren(...wanted);
  }

  #made(row) {
    const cells = this.columns.map((column, place) => {
      const className = [column.number && "number", column.kind].filter(Boolean).join(" ") || null;
      const named = { class: className, "data-column": column.name };
      return place ? h("td", named) : h("th", { scope: "row", ...named });
    });
    return h("tr", this.mark(row), cells);
  }

  #fill(element, row) {
    this.columns.forEach(({ cell }, place) => keep(element.children[place], cell(row)));
  }
}

/** A table in a box that scrolls, with a sentence if it has no rows. */
export class Table {
  /** @param {{label: string, empty: string}} shape With the parameters of {@link Rows}. */
  constructor({ label, empty, ...shape }) {
    this.rows = new Rows(shape);
    this.empty = h("p", { class: "soft" }, empty);
    this.table = h("table", {}, headOf(shape.columns), this.rows.body);
    this.element = scrolling(label, this.table, this.empty);
  }

  show(rows) {
    this.table.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    this.rows.show(rows);
    return this.element;
  }
}

/** Return the head of a table with these columns. */
export function headOf(columns) {
  return h("thead", {}, h("tr", {}, columns.map(({ name, number }) => h("th", { scope: "col", class: number ? "number" : null }, name))));
}

/** Return a box that scrolls if its table is too wide, by keyboard too. */
export function scrolling(label, ...children) {
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Table: ${label}` }, ...children);
}

/** Set the content of an element, without changing the element if it is the same. */
export function keep(element, content) {
  const node = content instanceof Node ? content : document.createTextNode(content);
  if (element.childNodes.length !== 1 || !element.firstChild.isEqualNode(node)) element.replaceChildren(node);
}
