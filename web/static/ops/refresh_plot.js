/**
 * The refresh history: durations over time. Colour and shape show the view, a cross shows a failure.
 * The table has the same refreshes, the newest first.
 */

import { ChartCanvas } from "../chart_canvas.js";
import { colour, onThemeChange, prefersNoMotion } from "../chart_theme.js";
import { h, svg } from "../dom.js";
import { count, took } from "../figures.js";
import { refreshesOf } from "./refresh_history.js";
import { state } from "./marks.js";
import { Table } from "./table.js";
import { clock, levelOf } from "./words.js";

const STYLES = [
  { colour: "--series-1", shape: "circle", path: "M7 2a5 5 0 1 0 .01 0z" },
  { colour: "--series-5", shape: "rectRot", path: "M7 1l6 6-6 6-6-6z" },
  { colour: "--series-4", shape: "triangle", path: "M7 2l5.5 9.5h-11z" },
  { colour: "--series-3", shape: "rect", path: "M2.5 2.5h9v9h-9z" },
];
const FAILED = { name: "Failed", colour: "--bad", shape: "crossRot", path: "M2 2l10 10M12 2L2 12" };
const NEWEST = 60; // The number of rows in the table.
const SHORT_SPAN_MS = 1_200_000;

export class RefreshPlot {
  #views = [];
  #refreshes = [];
  #timeZone = "UTC";

  constructor() {
    this.picture = new ChartCanvas();
    this.legend = h("ul", { class: "legend" });
    this.table = new Table({
      label: "The newest refreshes",
      empty: "Nothing was refreshed in the last 24 hours.",
      columns: [
        { name: "Started", cell: ({ startedAt }) => clock(startedAt, this.#timeZone) },
        { name: "View", cell: ({ view }) => view },
        { name: "Tiers", cell: ({ tiers }) => tiers.join(", ") },
        { name: "Took", number: true, cell: ({ durationMs }) => took(durationMs) },
        { name: "Rows", number: true, cell: ({ rows }) => count(rows) },
        { name: "Outcome", cell: ({ outcome }) => state(levelOf(outcome), outcome) },
      ],
      key: ({ view, startedAt, tiers, outcome }) => `${startedAt} ${view} ${tiers} ${outcome}`,
    });
    this.element = h(
      "figure",
      { class: "plot" },
      this.legend,
      ...this.picture.elements,
      h("details", { class: "behind" }, h("summary", {}, "Show as a table"), this.table.element),
    );
    onThemeChange(() => this.picture.chart && this.#draw(this.picture.chart));
  }

  show({ refresh_history: history, views = [] }, { timeZone }) {
    [this.#refreshes, this.#timeZone] = [refreshesOf(history), timeZone];
    this.#views = [...new Set([...views, ...history].map(({ view }) => view))].sort();
    this.#drawLegend();
    this.table.show(this.#refreshes.slice(-NEWEST).reverse());
    const configuration = () => ({ type: "scatter", data: { datasets: [] }, options: this.#options() });
    this.picture.show(this.#summary(), configuration, (chart) => this.#draw(chart));
    return this.element;
  }

  #summary() {
    const failed = this.#refreshes.filter(({ isGood }) => !isGood).length;
    const longest = Math.max(0, ...this.#refreshes.map(({ durationMs }) => durationMs));
    return `${count(this.#refreshes.length)} refreshes, the longest ${took(longest)}, ${count(failed)} not done.`;
  }

  #draw(chart) {
    chart.data.datasets = this.#datasets();
    chart.options = this.#options();
    chart.update("none");
  }

  #datasets() {
    const good = this.#views.map((view, place) => this.#dataset(view, STYLES[place % STYLES.length], this.#refreshes.filter((one) => one.isGood && one.view === view)));
    return [...good, { ...this.#dataset(FAILED.name, FAILED, this.#refreshes.filter(({ isGood }) => !isGood)), pointRadius: 7, pointBorderWidth: 3 }];
  }

  #dataset(label, style, refreshes) {
    return {
      label,
      data: refreshes.map((refresh) => ({ x: Date.parse(refresh.startedAt), y: refresh.durationMs, refresh })),
      pointStyle: style.shape,
      pointRadius: 4.5,
      pointHoverRadius: 7,
      backgroundColor: colour(style.colour),
      borderColor: style === FAILED ? colour(style.colour) : colour("--surface"),
      pointBorderWidth: 1,
    };
  }

  #options() {
    const [ink, line] = [colour("--ink-soft"), colour("--line")];
    const ticks = { color: ink, padding: 6, font: { size: 12 } };
    const times = this.#refreshes.map(({ startedAt }) => Date.parse(startedAt));
    const isShort = times.length < 2 || times.at(-1) - times[0] < SHORT_SPAN_MS;
    const asTime = new Intl.DateTimeFormat(undefined, { timeZone: this.#timeZone, hour: "2-digit", minute: "2-digit", second: isShort ? "2-digit" : undefined });
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      transitions: prefersNoMotion() ? { active: { animation: { duration: 0 } } } : {},
      interaction: { mode: "nearest", intersect: false },
      scales: {
        y: { beginAtZero: true, border: { display: false }, grid: { color: line, drawTicks: false }, ticks: { ...ticks, callback: took, maxTicksLimit: 6 } },
        x: { type: "linear", bounds: "data", offset: false, border: { color: line }, grid: { display: false }, ticks: { ...ticks, callback: (at) => asTime.format(at), maxRotation: 0, autoSkipPadding: 24, maxTicksLimit: 8 } },
      },
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: ([item]) => clock(item.raw.refresh.startedAt, this.#timeZone), label: ({ raw }) => ` ${inWords(raw.refresh)}` } } },
    };
  }

  #drawLegend() {
    const names = [...this.#views.map((name, place) => ({ name, ...STYLES[place % STYLES.length] })), FAILED];
    if (this.legend.children.length === names.length) return;
    this.legend.replaceChildren(...names.map((style) => h("li", {}, symbol(style), style.name)));
  }
}

function inWords({ view, tiers, durationMs, outcome }) {
  return `${view} (${tiers.join(", ")}): ${outcome}, ${took(durationMs)}`;
}

function symbol({ colour: named, path }) {
  return svg("svg", { class: "symbol", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true", "data-colour": named.slice(2) }, svg("path", { d: path }));
}
