/** A table of agents that can be sorted, with each agent's calls day by day. */

import { h } from "../dom.js";
import { count, credits, rating, share, talkTime } from "../figures.js";
import { sparkline } from "../sparkline.js";

const ratio = (part, all) => (Number(all) ? Number(part) / Number(all) : null);

/** `of`: the value that a row is sorted by; `show`: its text. */
const COLUMNS = [
  { name: "Agent", of: (agent) => agent.name, text: true },
  { name: "Calls", of: (agent) => agent.calls, show: count },
  { name: "Completed", of: (agent) => ratio(agent.completed, agent.calls), show: share },
  { name: "Leads", of: (agent) => agent.leads, show: count },
  { name: "Converted", of: (agent) => ratio(agent.converted, agent.leads), show: share },
  { name: "CSAT", of: (agent) => agent.csat, show: rating },
  { name: "Talk time", of: (agent) => agent.duration_seconds, show: talkTime },
  { name: "Credits", of: (agent) => agent.cost_cents, show: credits },
];

export class Agents {
  #agents = [];
  #column = 1;
  #descending = true;

  constructor() {
    this.body = h("tbody");
    this.heads = COLUMNS.map(({ name, text }, place) =>
      h("th", { scope: "col", class: text ? null : "number" }, h("button", { type: "button", onclick: () => this.#sortBy(place) }, name)),
    );
    const head = h("tr", {}, this.heads[0], h("th", { scope: "col" }, "Calls a day"), ...this.heads.slice(1));
    this.empty = h("p", { class: "soft", hidden: true }, "No agents yet.");
    this.table = h("table", {}, h("thead", {}, head), this.body);
    this.element = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Agents" }, this.table, this.empty);
  }

  /** Show the data of `/api/v1/agents?series=calls`. */
  show({ agents }) {
    this.#agents = agents;
    this.#draw();
  }

  #sortBy(place) {
    this.#descending = this.#column === place ? !this.#descending : !COLUMNS[place].text;
    this.#column = place;
    this.#draw();
  }

  #draw() {
    this.table.hidden = !(this.empty.hidden = this.#agents.length > 0);
    this.heads.forEach((head, place) => {
      if (place === this.#column) head.setAttribute("aria-sort", this.#descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const { of } = COLUMNS[this.#column];
    const sorted = [...this.#agents].sort((one, other) => order(of(one), of(other), this.#descending));
    this.body.replaceChildren(...sorted.map((agent) => this.#row(agent)));
  }

  #row(agent) {
    const name = h("th", { scope: "row" }, agent.name, agent.is_active ? "" : h("span", { class: "soft" }, " (inactive)"));
    const daily = agent.daily_calls ?? [];
    const label = `Calls a day over ${count(daily.length)} days: ${count(daily.length ? Math.min(...daily.map(Number)) : 0)} to ${count(daily.length ? Math.max(...daily.map(Number)) : 0)}, the last ${count(daily.at(-1) ?? 0)}`;
    const cells = COLUMNS.slice(1).map(({ of, show }) => h("td", { class: "number" }, show(of(agent))));
    return h("tr", { "data-agent": agent.agent_id }, name, h("td", {}, sparkline(daily, label)), ...cells);
  }
}

/** Compare two values; missing values are last in both directions. */
function order(one, other, descending) {
  if (one === null || other === null) return (one === null) - (other === null);
  const compared = typeof one === "string" ? one.localeCompare(other) : one < other ? -1 : Number(one > other);
  return descending ? -compared : compared;
}
