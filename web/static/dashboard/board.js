/** The panels of one dashboard: made from its description, then shown again with each answer. */

import { byId } from "../dom.js";
import { nameOf } from "../measures.js";
import { Panel } from "../panel.js";
import { Compare } from "./compare.js";
import { Facts } from "./facts.js";
import { Groups } from "./groups.js";
import { widthsOf } from "./layout.js";
import { List } from "./list.js";
import { Periods } from "./periods.js";
import { Series } from "./series.js";

const KINDS = { facts: Facts, compare: Compare, periods: Periods, series: Series, groups: Groups, list: List };
const SKELETONS = { facts: "figures", compare: "figures", series: "chart" };
const UNREADABLE = "The server's answer cannot be shown.";
const UNKNOWN = "This page is older than the server. Load it again.";

export class Board {
  /** @param {Object} dashboard As `/api/v1/application` describes it. */
  constructor({ panels }) {
    const widths = widthsOf(panels);
    this.panels = Object.entries(panels).map(([name, described]) => {
      const panel = new Panel(emptyPanel(name, described, widths[name]));
      const Kind = KINDS[described.kind];
      return { name, panel, shown: Kind && new Kind(name, described) };
    });
    byId("panels").replaceChildren(...this.panels.map(({ panel }) => panel.section));
  }

  /** Show an answer; return whether every panel could show its part. */
  show({ data, provenance }, about, retry) {
    return this.panels.map((one) => this.#showOne(one, data, provenance, about, retry)).every(Boolean);
  }

  #showOne({ name, panel, shown }, data, provenance, about, retry) {
    if (!shown) return panel.fail(UNKNOWN, () => location.reload()) ?? false;
    try {
      shown.show(data[name], about);
      panel.show(shown.element, provenance, about.timeZone);
      return true;
    } catch (error) {
      reportError(error);
      panel.fail(UNREADABLE, retry);
      return false;
    }
  }

  /** Show in every panel what is wrong. */
  fail(detail, retry) {
    for (const { panel } of this.panels) panel.fail(detail, retry);
  }

  /** End what its panels hold. */
  remove() {
    for (const { shown } of this.panels) shown?.remove?.();
  }

  /** Say that an answer to another question is on its way. */
  wait() {
    for (const { panel } of this.panels) panel.section.setAttribute("aria-busy", "true");
  }
}

function emptyPanel(name, { kind, label }, width) {
  const section = byId("empty-panel").content.firstElementChild.cloneNode(true);
  section.id = `panel-${name}`;
  section.dataset.kind = kind;
  section.setAttribute("aria-labelledby", `${section.id}-title`);
  section.style.setProperty("--span", width);
  const title = section.querySelector("h2");
  [title.id, title.textContent] = [`${section.id}-title`, nameOf(name, label)];
  section.querySelector(".skeleton").dataset.shape = SKELETONS[kind] ?? "rows";
  return section;
}
