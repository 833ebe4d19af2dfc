/**
 * The drawn part of a chart: a canvas, or a sentence if the chart library could not be loaded. The table next to it has the
 * numbers in both cases; the next update tries again.
 */

import { chartLibrary } from "./chart_theme.js";
import { h } from "./dom.js";

const NO_CHART = "The chart could not be loaded. The table below has its numbers.";

export class ChartCanvas {
  #isFetching = false;
  #isRemoved = false;

  constructor() {
    this.chart = null; // Set when the chart is made.
    this.canvas = h("canvas", { role: "img" });
    this.missing = h("p", { class: "fault", hidden: true }, NO_CHART);
    this.elements = [this.missing, h("div", { class: "canvas" }, this.canvas)];
  }

  /**
   * Show the newest state.
   * @param {string} summary the picture in one sentence.
   * @param {function(): Object} configuration of the chart, called once.
   * @param {function(Chart): void} draw puts the newest state into the chart.
   */
  show(summary, configuration, draw) {
    this.canvas.setAttribute("aria-label", summary);
    if (this.chart) draw(this.chart);
    else if (!this.#isFetching) this.#make(configuration, draw);
  }

  /** End the chart. */
  remove() {
    this.#isRemoved = true;
    this.chart?.destroy();
  }

  async #make(configuration, draw) {
    this.#isFetching = true;
    const Chart = await chartLibrary().catch(() => null);
    this.#isFetching = false;
    this.missing.hidden = Chart !== null;
    if (!Chart || this.#isRemoved) return;
    this.chart = new Chart(this.canvas, configuration());
    draw(this.chart);
  }
}
