/** Measures by period: charts, the first of which is the largest, and one table behind them. */

import { h } from "../dom.js";
import { period } from "../figures.js";
import { axisOf, itemsOfMeasures, nameOf } from "../measures.js";
import { NumbersTable } from "../numbers_table.js";
import { Plot } from "../plot.js";
import { chartsOf, stylesOf } from "./charts.js";

export class Series {
  #zone = "UTC";
  #drawn = ""; // The charts that there are, as text.
  #charts = [];

  constructor(name, { measures, label }) {
    this.name = nameOf(name, label);
    this.items = itemsOfMeasures(measures);
    this.table = new NumbersTable("Day", this.items.map((item) => ({ name: item.name, format: (value) => this.#write(item, value) })));
    this.charts = h("div", { class: "charts" });
    this.element = h("div", { class: "series" }, this.charts, this.table.element);
  }

  /** Show the panel's part of an answer. */
  show({ rows, totals }, { timeZone, granularity }) {
    this.#zone = timeZone;
    // Figures that are all 0 do not tell which are parts of which: the charts stay as they were.
    if (!this.#drawn || this.items.some(({ key }) => rows.some((row) => Number(row[key])))) this.#arrange(chartsOf(this.items, rows));
    const years = new Set(rows.map(({ period: first }) => first.slice(0, 4))).size > 1;
    const labels = rows.map(({ period: first }) => period(first, granularity, years));
    const values = (items) => items.map(({ key }) => rows.map((row) => row[key]));
    this.table.first.textContent = nameOf(granularity);
    this.table.show(labels, values(this.items));
    for (const { plot, title, of } of this.#charts) {
      if (totals && title) title.total.textContent = this.#write(title.item, totals[title.item.key]);
      const told = totals ? of.items.map((item) => this.#write(item, totals[item.key])) : undefined;
      plot.show({ labels, values: values(of.items), totals: told, summary: this.#summary(of, granularity, totals) });
    }
  }

  /** End the charts. */
  remove() {
    for (const { plot } of this.#charts) plot.remove();
  }

  #write(item, value) {
    return item.write(value, this.#zone);
  }

  #arrange(charts) {
    const text = JSON.stringify(charts);
    if (text === this.#drawn) return;
    this.#drawn = text;
    this.remove();
    this.#charts = charts.map((of) => this.#chart(of));
    this.charts.replaceChildren(...this.#charts.map(({ element }) => element));
  }

  #chart(of) {
    const styles = stylesOf(of);
    const series = of.items.map((item, place) => ({ ...styles[place], name: item.name, format: (value) => this.#write(item, value) }));
    const shape = { series, stacked: of.style === "stacked", axes: { y: axisOf(of.items[0]) }, legend: of.style !== "bars" };
    const plot = new Plot(shape);
    const item = of.whole ?? (of.style === "bars" ? of.items[0] : null);
    const title = item && { item, total: h("strong") };
    const element = h("div", { class: "chart" }, title && h("h3", {}, item.name, " ", title.total), plot.element);
    return { of, plot, title, element };
  }

  #summary({ items, whole }, granularity, totals) {
    const told = (item) => (totals ? `${item.name} ${this.#write(item, totals[item.key])}` : item.name);
    const parts = items.map(told).join(", ");
    return `${this.name} by ${granularity}: ${whole ? `${told(whole)}, of which ` : ""}${parts}.`;
  }
}
