/** Facts: the first few numbers as figures, everything else as lines. */

import { h } from "../dom.js";
import { itemsOfColumns, itemsOfMeasures } from "../measures.js";
import { setText } from "../panel.js";

const MOST_FIGURES = 3;

export class Facts {
  /** @param {string} name of the panel. @param {Object} panel As `/api/v1/application` describes it. */
  constructor(name, { columns, measures }) {
    this.items = [...itemsOfColumns(columns), ...itemsOfMeasures(measures)];
    const numbers = this.items.filter(({ isNumber }) => isNumber).slice(0, MOST_FIGURES);
    this.values = this.items.map((item) => h(numbers.includes(item) ? "p" : "dd", { class: numbers.includes(item) ? "value" : "text", "data-figure": `${name}.${item.key}` }));
    const placed = this.items.map((item, place) => ({ item, value: this.values[place] }));
    const [figures, lines] = [placed.filter(({ item }) => numbers.includes(item)), placed.filter(({ item }) => !numbers.includes(item))];
    this.element = h(
      "div",
      { class: "facts-of" },
      figures.length > 0 && h("div", { class: "figures" }, figures.map(({ item, value }) => h("div", { class: "figure" }, h("h3", {}, item.name), value))),
      lines.length > 0 && h("dl", { class: "lines" }, lines.map(({ item, value }) => h("div", {}, h("dt", {}, item.name), value))),
    );
  }

  /** Show the panel's part of an answer. */
  show(facts, { timeZone }) {
    this.items.forEach((item, place) => setText(this.values[place], item.write(facts?.[item.key], timeZone)));
  }
}
