/**
 * A chart with its legend, and a table with the same numbers unless several charts share one table.
 * A screen reader reads the table; one sentence describes the picture.
 */

import { ChartCanvas } from "./chart_canvas.js";
import { colour, fill, onThemeChange, prefersNoMotion, swatch } from "./chart_theme.js";
import { h } from "./dom.js";
import { NumbersTable } from "./numbers_table.js";

/**
 * @typedef {{name: string, colour: string, pattern?: string, line?: boolean, axis?: string,
 *   isDrawn?: boolean, format: function(*): string}} Series `isDrawn`: false for one that only the table has.
 */
export class Plot {
  #latest = null;

  /**
   * @param {{series: Series[], stacked?: boolean, first?: string, axes: Object<string, function(number): string>,
   *   area?: boolean, moving?: boolean, legend?: boolean}} shape `first`: head of the table's first column, without which
   *   the chart has no table of its own; `axes`: the labels of each value axis; `area`: lines are filled; `moving`: the
   *   labels move with time, so bars change without an animation; `legend`: false where a title says it all.
   */
  constructor(shape) {
    this.shape = shape;
    this.drawn = shape.series.map((series, place) => ({ ...series, place })).filter(({ isDrawn = true }) => isDrawn);
    this.picture = new ChartCanvas();
    this.legend = h("ul", { class: "legend" });
    this.legend.hidden = shape.legend === false;
    this.table = shape.first ? new NumbersTable(shape.first, shape.series) : null;
    this.element = h("figure", { class: "plot" }, this.legend, ...this.picture.elements, this.table?.element);
    this.#drawLegend();
    this.endTheme = onThemeChange(() => this.#restyle());
  }

  /**
   * Show values.
   * @param {{labels: string[], values: Array<Array<number|bigint|null>>, summary: string, totals?: string[]}} latest
   *   `values`: one array per series, as long as `labels`; `totals`: one per series, for the legend.
   */
  show(latest) {
    this.#latest = latest;
    this.table?.show(latest.labels, latest.values);
    if (latest.totals) this.#drawLegend();
    const configuration = () => ({ type: "bar", data: { labels: [], datasets: this.#datasets() }, options: this.#options() });
    this.picture.show(latest.summary, configuration, (chart) => this.#update(chart));
  }

  /** End the chart: it is not shown again. */
  remove() {
    this.endTheme();
    this.picture.remove();
  }

  #update(chart) {
    const { labels, values } = this.#latest;
    const grew = labels.length !== chart.data.labels.length;
    chart.data.labels = labels;
    chart.data.datasets.forEach((dataset, index) => {
      dataset.data = values[this.drawn[index].place].map((value) => (value === null ? null : Number(value)));
      dataset.pointRadius = labels.length > 62 ? 0 : 2;
    });
    chart.update(grew || this.shape.moving || prefersNoMotion() ? "none" : undefined);
  }

  #datasets() {
    return this.drawn.map((series) => ({
      label: series.name,
      type: series.line ? "line" : "bar",
      yAxisID: series.axis ?? "y",
      order: series.line ? 0 : 1,
      stack: series.line && !this.shape.area ? series.name : "all",
      backgroundColor: fill(series.colour, series.pattern),
      borderColor: series.line ? colour(series.colour) : colour("--surface"),
      borderWidth: series.line ? 2 : { top: 1 },
      borderSkipped: false,
      fill: this.shape.area ?? false,
      tension: 0,
      pointRadius: 2,
      pointHitRadius: 12,
      spanGaps: false,
      clip: series.line ? false : undefined, // Points at the edge are whole.
      maxBarThickness: 44,
      data: [],
    }));
  }

  #options() {
    const ink = colour("--ink-soft");
    const grid = { color: colour("--line"), drawTicks: false };
    const axes = Object.entries(this.shape.axes).map(([id, format], place) => [
      id,
      {
        position: place ? "right" : "left",
        beginAtZero: true,
        stacked: this.shape.stacked && place === 0,
        border: { display: false },
        grid: place ? { display: false } : grid,
        ticks: { color: ink, callback: format, precision: place ? undefined : 0, maxTicksLimit: 6, padding: 6, font: { size: 12 } },
      },
    ]);
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: { duration: prefersNoMotion() ? 0 : 250 },
      interaction: { mode: "index", intersect: false },
      scales: {
        ...Object.fromEntries(axes),
        x: {
          stacked: this.shape.stacked,
          border: { color: colour("--line") },
          grid: { display: false },
          ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16, font: { size: 12 } },
        },
      },
      plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => this.#tooltip(item) } } },
    };
  }

  #tooltip({ datasetIndex, dataIndex }) {
    const { name, format, place } = this.drawn[datasetIndex];
    return ` ${name}: ${format(this.#latest.values[place][dataIndex])}`;
  }

  #drawLegend() {
    this.legend.replaceChildren(...this.drawn.map(({ name, colour: named, pattern, line, place }) => h("li", {}, swatch(named, pattern, line && !this.shape.area), name, this.#total(place))));
  }

  #total(place) {
    const total = this.#latest?.totals?.[place];
    return total && h("strong", {}, total);
  }

  #restyle() {
    this.#drawLegend();
    const { chart } = this.picture;
    if (!chart) return;
    chart.data.datasets = this.#datasets();
    chart.options = this.#options();
    this.#update(chart);
  }
}
