/** Warming plan, audit, invalidations and tasks: four small tables. */

import { h } from "../dom.js";
import { NONE, count } from "../figures.js";
import { state } from "./marks.js";
import { Table } from "./table.js";
import { ago, clock, levelOf } from "./words.js";

const REASONS = {
  asked: "Requested by an operator",
  most_active: "Most active users",
  predicted: "Expected to come back",
  low_traffic: "Quiet hours",
};

/** The warming plan by reason. */
export class Warming {
  #zone = "UTC";

  constructor() {
    this.table = new Table({
      label: "Warming plan",
      empty: "Nothing is planned: no user has read anything lately, or warming is switched off.",
      columns: [
        { name: "Why", cell: ({ reason }) => REASONS[reason] ?? reason },
        { name: "Users", number: true, cell: ({ users }) => count(users) },
        { name: "Answers", number: true, cell: ({ entries }) => count(entries) },
        { name: "From", number: true, cell: ({ wanted_from: at }) => clock(at, this.#zone) },
        { name: "Until", number: true, cell: ({ wanted_until: at }) => clock(at, this.#zone) },
      ],
      key: ({ reason }) => reason,
      mark: ({ reason }) => ({ "data-reason": reason }),
    });
  }

  show({ warm_plan: plan }, { timeZone }) {
    this.#zone = timeZone;
    return this.table.show(plan);
  }
}

/** Invalidations: changes by source, and those that operators requested. */
export class Invalidations {
  #zone = "UTC";

  constructor() {
    this.feed = new Table({
      label: "Changes in the feed",
      empty: "No change in the last minutes.",
      columns: [
        { name: "Changed", cell: ({ source }) => (source === "by_hand" ? "by hand" : source) },
        { name: "Feed rows", number: true, cell: ({ rows }) => count(rows) },
        { name: "Drains", number: true, cell: ({ drains }) => count(drains) },
      ],
      key: ({ source }) => source,
      mark: ({ source }) => ({ "data-source-of-change": source }),
    });
    this.byHand = new Table({
      label: "Invalidations by hand",
      empty: "No operator has dropped answers in the last week.",
      columns: [
        { name: "Requested", cell: ({ asked_at: at }) => clock(at, this.#zone) },
        { name: "By", cell: ({ asked_by: who }) => String(who) },
        { name: "Pattern", cell: ({ pattern }) => h("code", {}, pattern) },
        { name: "State", cell: ({ state: status, drain_id: drain }) => (status === "fed" ? state("good", `dropped, drain ${count(drain)}`) : state("busy", "waiting")) },
      ],
      key: ({ invalidation_id: id }) => String(id),
      mark: ({ invalidation_id: id }) => ({ "data-invalidation": id }),
    });
    const parts = [["By changes, in the feed", this.feed], ["By hand", this.byHand]];
    this.element = h("div", { class: "parts" }, ...parts.map(([name, table]) => h("div", {}, h("h3", {}, name), table.element)));
  }

  show({ invalidations }, { timeZone }) {
    this.#zone = timeZone;
    this.feed.show(invalidations.feed);
    this.byHand.show(invalidations.by_hand);
    return this.element;
  }
}

/** The audit's comparisons. */
export class Audit {
  constructor() {
    this.table = new Table({
      label: "What the audit has compared",
      empty: "Nothing was compared yet: the audit begins once views are populated, unless FRONTVIEW_AUDIT_DUTY is 0.",
      columns: [
        { name: "View", cell: ({ view }) => view },
        { name: "Compared", number: true, cell: ({ checks }) => count(checks) },
        { name: "Differences", cell: ({ violations }) => (violations ? state("bad", count(violations)) : state("good", "none")) },
        { name: "Last", number: true, cell: ({ last_checked_seconds_ago: seconds }) => ago(seconds) },
      ],
      key: ({ view }) => view,
      mark: ({ view }) => ({ "data-audited": view }),
    });
  }

  show({ audit }) {
    return this.table.show(audit);
  }
}

/** Operators' tasks for the leader. */
export class Tasks {
  #zone = "UTC";

  constructor() {
    this.table = new Table({
      label: "Tasks of operators",
      empty: "No operator has requested a refresh or warming in the last week.",
      columns: [
        { name: "Task", cell: ({ task_id: id, kind }) => `${count(id)} · ${kind}` },
        { name: "Of", cell: ({ subject }) => subject ?? NONE },
        { name: "Requested", cell: ({ asked_at: at }) => clock(at, this.#zone) },
        { name: "By", cell: ({ asked_by: who }) => String(who) },
        { name: "State", cell: outcomeOf },
      ],
      key: ({ task_id: id }) => String(id),
      mark: ({ task_id: id }) => ({ "data-task": id }),
    });
  }

  show({ tasks }, { timeZone }) {
    this.#zone = timeZone;
    return this.table.show(tasks);
  }
}

function outcomeOf({ state: status, outcome }) {
  return status === "ended" ? state(levelOf(outcome ?? ""), outcome ?? "ended") : state("busy", status);
}
