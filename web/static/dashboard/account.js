/** Credits, today's figures and the latest calls, all from the overview. */

import { h } from "../dom.js";
import { NONE, count, credits, instant, talkTime } from "../figures.js";
import { setText } from "../panel.js";
import { OUTCOMES } from "./outcomes.js";

const NAMES = Object.fromEntries(OUTCOMES.map(({ key, name }) => [key, name]));
const WEEK_DAYS = 7;
const YEAR_DAYS = 365;

export class Account {
  constructor() {
    this.balance = h("p", { class: "value", "data-figure": "credits_cents" });
    this.lasting = h("p", { class: "soft" });
    this.rows = Object.fromEntries(["Calls today", "Talk time today", "Credits used today", "Leads today", "Agents active"].map((name) => [name, h("dd", { class: "number" })]));
    this.rows["Calls today"].dataset.figure = "calls_today";
    this.element = h(
      "div",
      { class: "account" },
      h("div", { class: "figure" }, h("h3", {}, "Credits left"), this.balance, this.lasting),
      h("dl", { class: "lines" }, ...Object.entries(this.rows).map(([name, value]) => h("div", {}, h("dt", {}, name), value))),
    );
  }

  /** Show the data of `/api/v1/dashboard/overview`. */
  show({ credits_cents: left, calls, leads, agents }) {
    setText(this.balance, credits(left));
    this.lasting.textContent = lasting(left, Number(calls.last_7_days.cost_cents) / WEEK_DAYS);
    setText(this.rows["Calls today"], count(calls.today.calls));
    setText(this.rows["Talk time today"], talkTime(calls.today.duration_seconds));
    setText(this.rows["Credits used today"], credits(calls.today.cost_cents));
    setText(this.rows["Leads today"], count(leads.today.leads));
    setText(this.rows["Agents active"], `${count(agents.active)} of ${count(agents.total)}`);
  }
}

export class RecentCalls {
  constructor() {
    this.body = h("tbody");
    const heads = [["When"], ["Agent"], ["Outcome"], ["Talk", "number"]];
    this.empty = h("p", { class: "soft", hidden: true }, "No calls yet. The first one appears here within a moment.");
    this.table = h("table", {}, h("thead", {}, h("tr", {}, heads.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), this.body);
    this.element = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Recent calls" }, this.table, this.empty);
  }

  /** Show the data of `/api/v1/dashboard/overview`. */
  show({ recent_calls: calls }, timeZone) {
    this.table.hidden = !(this.empty.hidden = calls.length > 0);
    this.body.replaceChildren(
      ...calls.map((call) =>
        h(
          "tr",
          { "data-call": call.call_id },
          h("td", {}, h("time", { datetime: call.started_at }, instant(call.started_at, timeZone))),
          h("td", { class: "agent" }, call.agent_name),
          h("td", {}, h("span", { class: "outcome", "data-outcome": call.status }, NAMES[call.status] ?? call.status)),
          h("td", { class: "number" }, call.duration_seconds ? talkTime(call.duration_seconds) : NONE),
        ),
      ),
    );
  }
}

/** Return a phrase that says how long credits last at a given daily use. */
function lasting(left, perDay) {
  if (left <= 0) return "Nothing is left";
  if (!(perDay > 0)) return "Nothing was used in the last 7 days";
  const days = Math.floor(Number(left) / perDay);
  const words = days > YEAR_DAYS ? "More than a year" : days < 2 ? "Less than two days" : `About ${count(days)} days`;
  return `${words} at the pace of the last 7 days`;
}
