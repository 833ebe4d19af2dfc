/** One view of a declared application: its totals and its measures day by day, of the days that a plain read has. */

import { h } from "../dom.js";
import { day, short } from "../figures.js";
import { formatOf, isNumber, nameOf } from "../measures.js";
import { Panel, setText } from "../panel.js";
import { Plot } from "../plot.js";

export class ViewPanel {
  #measures;
  #formats;

  /**
   * @param {string} name of the view.
   * @param {{href: string, days: boolean, zone: string, measures: Object<string, Measure>}} view As
   *   `/api/v1/application` describes it.
   * @param {Element} section An empty panel.
   */
  constructor(name, view, section) {
    section.id = `view-${name}`;
    section.setAttribute("aria-labelledby", `${section.id}-title`);
    const title = section.querySelector("h2");
    [title.id, title.textContent] = [`${section.id}-title`, nameOf(name)];
    this.panel = new Panel(section);
    this.href = view.href;
    this.#measures = Object.entries(view.measures).map(([key, measure]) => ({ ...measure, key, name: nameOf(key, measure.label) }));
    this.#formats = Object.fromEntries(this.#measures.map((measure) => [measure.key, formatOf(measure, view.zone)]));
    const drawn = this.#measures.find(isNumber);
    const first = drawn ?? this.#measures[0];
    this.values = Object.fromEntries(this.#measures.map(({ key }) => [key, h(key === first.key ? "p" : "dd", { class: key === first.key ? "value" : "number", "data-figure": `${name}.${key}` })]));
    this.days = h("p", { class: "soft" });
    this.plot = view.days && drawn ? this.#plotOf(drawn) : null;
    const others = this.#measures.filter((measure) => measure !== first);
    this.element = h(
      "div",
      { class: "view" },
      h("div", { class: "figure" }, h("h3", {}, first.name), this.values[first.key], this.days),
      others.length > 0 && h("dl", { class: "lines" }, ...others.map((measure) => h("div", {}, h("dt", {}, measure.name), this.values[measure.key]))),
      this.plot?.element,
    );
  }

  /** Show an answer's data. */
  show(data) {
    for (const { key } of this.#measures) setText(this.values[key], this.#formats[key](data.totals[key]));
    if (!data.from) {
      this.days.textContent = "All time";
      return;
    }
    const isOneYear = data.from.slice(0, 4) === data.to.slice(0, 4);
    this.days.textContent = `${day(data.from, { year: !isOneYear })} – ${day(data.to, { year: true })}`;
    this.#draw(data, isOneYear);
  }

  #plotOf(drawn) {
    const series = this.#measures.map((measure) => ({ name: measure.name, colour: "--series-1", isDrawn: measure === drawn, format: this.#formats[measure.key] }));
    return new Plot({ first: "Day", series, axes: { y: short } });
  }

  #draw({ rows, totals }, isOneYear) {
    if (!this.plot) return;
    const drawn = this.#measures.find(isNumber);
    this.plot.show({
      labels: rows.map(({ period }) => day(period, { year: !isOneYear })),
      values: this.#measures.map(({ key }) => rows.map((row) => row[key])),
      summary: `${drawn.name} by day: ${this.#formats[drawn.key](totals[drawn.key])} in all.`,
    });
  }
}
