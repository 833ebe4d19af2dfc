/** The maintained views and their tiers, when and why each is refreshed next, and a button to do it now. */

import { h } from "../dom.js";
import { NONE, age, bytes, count, day, took } from "../figures.js";
import { state } from "./marks.js";
import { Rows, headOf, scrolling } from "./table.js";
import { ago } from "./words.js";

const TIERS = { recent: "Recent", by_day: "Sums by day of recent", archive: "Archive", total: "Sums of archive", whole: "Whole" };
const ORDER = Object.keys(TIERS);
const COLUMNS = [
  { name: "Tier", cell: ({ tier }) => TIERS[tier] ?? tier, kind: "tier" },
  { name: "Stale keys", number: true, cell: ({ stale_keys: keys }) => count(keys) },
  { name: "Refreshed", number: true, cell: ({ refreshed_seconds_ago: seconds }) => ago(seconds) },
  { name: "Took", number: true, cell: ({ duration_ms: duration }) => took(duration) },
  { name: "Next refresh", cell: next },
  { name: "Rows", number: true, cell: ({ row_count: rows }) => count(rows) },
  { name: "Size", number: true, cell: ({ size_bytes: size }) => bytes(size) },
  { name: "Days", cell: days },
  { name: "Why", cell: ({ next_refresh: plan }) => (plan && !plan.with_tier ? plan.why : ""), kind: "why" },
];

export class Views {
  #groups = new Map();

  /** @param {function(string): void} onRefresh Called with the name of the view. */
  constructor(onRefresh) {
    this.onRefresh = onRefresh;
    this.table = h("table", { class: "views" }, headOf(COLUMNS));
    this.empty = h("p", { class: "soft", hidden: true }, "There are no maintained views. Migrate the database: frontview migrate.");
    this.element = scrolling("Views and their tiers", this.table, this.empty);
  }

  show({ views }) {
    const names = [...new Set(views.map(({ view }) => view))];
    for (const gone of [...this.#groups.keys()].filter((name) => !names.includes(name))) {
      this.#groups.get(gone).body.remove();
      this.#groups.delete(gone);
    }
    for (const name of names) {
      if (!this.#groups.has(name)) this.#add(name);
      const tiers = views.filter(({ view }) => view === name).sort((one, other) => ORDER.indexOf(one.tier) - ORDER.indexOf(other.tier));
      this.#groups.get(name).show(tiers);
    }
    this.table.hidden = !(this.empty.hidden = names.length > 0);
    return this.element;
  }

  #add(name) {
    const button = h("button", { type: "button", "data-action": "refresh", "data-view": name, "aria-label": `Refresh ${name}`, onclick: () => this.onRefresh(name) }, "Refresh…");
    const head = h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: COLUMNS.length }, h("span", { class: "group-name" }, name, button)));
    const rows = new Rows({ columns: COLUMNS, key: ({ tier }) => tier, mark: ({ view, tier }) => ({ "data-tier": `${view}/${tier}` }), first: head });
    this.#groups.set(name, rows);
    this.table.append(rows.body);
  }
}

function days({ first_day: first, before_day: before }) {
  if (first === undefined) return NONE;
  if (first === "-infinity" && before === "infinity") return "all";
  if (first === "infinity" || before === "-infinity") return "none yet"; // Until a refresher has led for the first time.
  return before === "infinity" ? `from ${day(first)}` : `before ${day(before)}`;
}

function next({ populated, refreshing, next_refresh: plan }) {
  if (refreshing) return state("busy", "running");
  if (!populated && !plan) return state("warn", "no contents");
  if (!plan) return NONE;
  if (plan.with_tier) return `with ${TIERS[plan.with_tier]?.toLowerCase() ?? plan.with_tier}`;
  const level = { failed: "bad", given_up: "bad", no_leader: "bad", unpopulated: "warn" }[plan.code] ?? "plain";
  if (plan.code === "clean") return state("good", "not needed");
  if (plan.in_seconds === null) return state(level, "not planned");
  return state(level, plan.in_seconds < 1 ? "now" : `in ${age(plan.in_seconds)}`);
}
