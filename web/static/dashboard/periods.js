/** Measures of some periods up to today: a row for each measure and a column for each period. */

import { h } from "../dom.js";
import { itemsOfMeasures, nameOf } from "../measures.js";
import { setText } from "../panel.js";

export class Periods {
  constructor(name, { periods, measures, label }) {
    this.cells = [];
    const cell = (period, item) => {
      const shown = h("td", { class: "number", "data-figure": `${name}.${period}.${item.key}` });
      this.cells.push({ period, item, shown });
      return shown;
    };
    const rows = itemsOfMeasures(measures).map((item) => h("tr", {}, h("th", { scope: "row" }, item.name), periods.map((period) => cell(period, item))));
    const heads = periods.map((period) => h("th", { scope: "col", class: "number" }, nameOf(period)));
    const table = h("table", {}, h("thead", {}, h("tr", {}, h("td"), heads)), h("tbody", {}, rows));
    this.element = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": nameOf(name, label) }, table);
  }

  /** Show the panel's part of an answer. */
  show(data, { timeZone }) {
    for (const { period, item, shown } of this.cells) setText(shown, item.write(data[period][item.key], timeZone));
  }
}
