/** The actions of operators: warm, invalidate and refresh, each as {@link Action}. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { age, count, took } from "../figures.js";
import { choice, helpWithKeys, offer, userKey, userKeys } from "./choices.js";
import { ended } from "./task.js";
import { levelOf } from "./words.js";

const ADMIN = "/api/v1/admin";
const WAITING = { waiting: "Waiting for the leader", running: "The leader is working on it" };

/** Put answers into the caches ahead of need. */
export function warming() {
  const most = h("input", { type: "number", min: 1, max: 10000, value: 100, inputmode: "numeric", required: true });
  const users = h("textarea", { rows: 2, autocomplete: "off", spellcheck: "false" });
  const help = h("span");
  let kind = "text";
  const who = choice("warm", "Whose answers", [
    { value: "most", label: "This number of the most active users", field: most },
    { value: "users", label: "These users", field: users, help },
  ]);
  const byCount = () => who.chosen === "most";
  const named = () => userKeys(users.value, kind);
  return {
    id: "warm-dialog",
    kind: "warm",
    title: "Warm the caches",
    confirm: "Warm",
    fields: [who.element],
    names: { most_active: "Most active users", user_ids: "Users" },
    fault: () => (byCount() ? (Number(most.value) >= 1 ? "" : "Enter the number of users.") : named().length ? "" : "Name at least one user."),
    effect() {
      const whose = byCount() ? `the ${most.value || "…"} most active users` : named().length === 1 ? "this user" : `these ${count(named().length)} users`;
      return `Every worker will compute the dashboards of ${whose} ahead of need and keep them for five minutes; nothing is dropped, and answers stay exact.`;
    },
    know(_stats, { user }) {
      kind = user.key;
      help.textContent = helpWithKeys(kind);
    },
    async send(say) {
      const { tasks } = await post(`${ADMIN}/cache/warm`, byCount() ? { most_active: Number(most.value) } : { user_ids: named() });
      const outcomes = [];
      for (const task of tasks) outcomes.push(await outcomeOf(task, say));
      return { level: outcomes.find(({ level }) => level !== "good")?.level ?? "good", text: outcomes.map(({ text }) => text).join(" ") };
    },
  };
}

/** Drop answers from every cache. */
export function invalidation() {
  const [pattern, user] = ["text", "text"].map((type) => h("input", { type, autocomplete: "off", spellcheck: "false" }));
  const region = h("select");
  let kind = "text";
  const what = choice("invalidate", "What to drop", [
    { value: "user", label: "Everything of one user", field: user },
    { value: "region", label: "A whole region", field: region },
    { value: "pattern", label: "Answers that match a pattern", field: pattern, help: "A glob over region:user:ID and region:user:ID:dashboard, such as dashboard:user:7*" },
    { value: "everything", label: "Everything" },
  ]);
  const bodies = {
    user: () => ({ user_id: userKey(user.value, kind) }),
    region: () => ({ region: region.value }),
    pattern: () => ({ pattern: pattern.value.trim() }),
    everything: () => ({ everything: true }),
  };
  const subjects = {
    user: () => `everything of user ${user.value.trim() || "…"}`,
    region: () => `everything in the region ${region.value || "…"}`,
    pattern: () => `what matches ${pattern.value.trim() || "…"}`,
    everything: () => "everything it holds",
  };
  const isEmpty = () => Object.values(bodies[what.chosen]())[0] === "";
  return {
    id: "invalidate-dialog",
    kind: "invalidate",
    title: "Drop cached answers",
    confirm: "Drop",
    fields: [what.element],
    names: { pattern: "Pattern", user_id: "User", region: "Region", everything: "Everything" },
    fault: () => (isEmpty() ? { user: "Name the user.", region: "Choose a region.", pattern: "Give a pattern." }[what.chosen] : ""),
    effect: () => `Every worker will drop ${subjects[what.chosen]()} from its cache; the next read of each answer is computed, which takes longer, and no number changes.`,
    know({ regions = [] }, application) {
      kind = application.user.key;
      offer(region, regions.map((one) => one.region));
    },
    async send() {
      const { pattern: dropped, watermark } = await post(`${ADMIN}/cache/invalidate`, bodies[what.chosen]());
      if (!watermark) return { level: "busy", text: `Noted: ${dropped}. No drain has included it within a second; the next one will. The list of invalidations shows when.` };
      return { level: "good", text: `Dropped ${dropped} in every cache, from watermark ${watermark} on.` };
    },
  };
}

/** Refresh a view now. */
export function refreshing() {
  const view = h("select", { id: "refresh-view" });
  let views = [];
  return {
    id: "refresh-dialog",
    kind: "refresh",
    title: "Refresh a view now",
    confirm: "Refresh",
    fields: [h("div", { class: "option" }, h("label", { for: "refresh-view" }, "View"), view)],
    names: { view: "View" },
    choose: (name) => (view.value = name),
    fault: () => (view.value ? "" : "There is no view to refresh."),
    effect() {
      const tiers = views.filter((one) => one.view === view.value);
      const last = tiers.reduce((sum, one) => sum + (one.duration_ms ?? 0), 0);
      return `The leader will refresh all tiers of ${view.value || "the view"} now, regardless of its plan${last ? `; their last refreshes took ${took(last)}` : ""}. Reads are exact before, during and after it.`;
    },
    know(stats) {
      views = stats.views ?? [];
      offer(view, [...new Set(views.map((one) => one.view))]);
    },
    send: async (say) => outcomeOf(await post(`${ADMIN}/refresh`, { view: view.value }), say),
  };
}

/** Follow a requested task; return its outcome. */
async function outcomeOf({ task_id: id, task: path, already_waiting: again, view }, say) {
  const name = `Task ${count(id)}${view ? `, ${view}` : ""}`;
  const began = Date.now();
  const task = await ended(path, ({ state }) => say(`${name}: ${WAITING[state]}${again ? "; it was already requested" : ""} … ${age((Date.now() - began) / 1000)}`));
  if (!task) return { level: "busy", text: `${name} has not ended yet. The list of tasks shows when.` };
  const seconds = (Date.parse(task.ended_at) - Date.parse(task.asked_at)) / 1000;
  return { level: levelOf(task.outcome), text: `${name}: ${task.outcome}, ${seconds < 1 ? "within a second" : `after ${age(seconds)}`}.` };
}
