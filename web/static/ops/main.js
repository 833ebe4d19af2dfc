/** The operator's page: reads everything every 5 s, and has panels and three actions. */

import { get } from "../api.js";
import { application } from "../application.js";
import { byId, h } from "../dom.js";
import { took } from "../figures.js";
import { Live } from "../live.js";
import { offerPause, showLive } from "../live_state.js";
import { Panel } from "../panel.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { isAdmin } from "../token.js";
import { ActionDialog } from "./action_dialog.js";
import { invalidation, refreshing, warming } from "./actions.js";
import { Freshness } from "./freshness.js";
import { RefreshPlot } from "./refresh_plot.js";
import { Refreshers } from "./refreshers.js";
import { Regions } from "./regions.js";
import { Sources } from "./sources.js";
import { Status } from "./status.js";
import { Audit, Invalidations, Tasks, Warming } from "./upkeep.js";
import { Views } from "./views.js";
import { clock } from "./words.js";
import { Workers } from "./workers.js";

const STATISTICS = "/api/v1/admin/stats";
const OLDER = "The server does not report this: it runs an older version of Frontview than this page.";
const UNREADABLE = "The server's answer cannot be shown.";
const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const trustSeconds = Number(document.documentElement.dataset.trustSeconds);

const actions = { warm: warming(), invalidate: invalidation(), refresh: refreshing() };
const page = { onOutcome: tellOutcome, onSignedOut: (why) => signOut(why) };
const dialogs = Object.fromEntries(Object.entries(actions).map(([kind, action]) => [kind, new ActionDialog(action, page)]));

/** Each panel: the object that shows it, and the member of the statistics that it requires. */
const PARTS = [
  ["status", new Status(), "views"],
  ["sources", new Sources(), "history"],
  ["freshness", new Freshness(), "watermark"],
  ["regions", new Regions(), "regions"],
  ["workers", new Workers(), "workers"],
  ["views", new Views((view) => open("refresh", view)), "views"],
  ["refreshes", new RefreshPlot(), "refresh_history"],
  ["refreshers", new Refreshers(), "leader"],
  ["warming", new Warming(), "warm_plan"],
  ["audit", new Audit(), "audit"],
  ["invalidations", new Invalidations(), "invalidations"],
  ["tasks", new Tasks(), "tasks"],
].map(([id, part, needs]) => ({ part, needs, panel: new Panel(id) }));

async function refresh(signal) {
  const began = performance.now();
  const [stats, described] = await Promise.all([get(STATISTICS, { signal }), application({ signal })]);
  const context = { timeZone, trustSeconds, at: stats.now ?? new Date().toISOString(), milliseconds: performance.now() - began };
  for (const { part, needs, panel } of PARTS) showPart(part, needs, panel, stats, context);
  for (const action of Object.values(actions)) action.know?.(stats, described);
  showWho(described.caller);
}

/** Show one panel; a fault in it does not affect the other panels. */
function showPart(part, needs, panel, stats, context) {
  if (stats[needs] === undefined) return panel.fail(OLDER, () => live.refresh());
  try {
    panel.show(part.show(stats, context));
  } catch (error) {
    panel.fail(UNREADABLE, () => live.refresh());
    return reportError(error);
  }
  return sayWhen(panel, `as of ${clock(context.at, timeZone)}, read in ${took(context.milliseconds)}`);
}

function showWho({ id, admin }) {
  byId("who").textContent = `User ${id}${admin ? ", operator" : ""}, times in ${timeZone}`;
}

function sayWhen({ section }, words) {
  const place = section.querySelector(".provenance");
  if (!place.firstChild) place.append(h("p", { class: "asked" }));
  place.firstChild.textContent = words;
}

/** Show the state of the connection; mark outdated numbers. */
function show(state) {
  if (state.mode === "refused") return refuse();
  showLive(state, timeZone);
  const isOld = state.mode === "offline" || state.mode === "paused";
  for (const { panel } of PARTS) panel.markOld(isOld);
  document.getElementById("verdict-words")?.toggleAttribute("data-old", isOld);
}

function open(kind, view) {
  if (view) actions.refresh.choose(view);
  dialogs[kind].open();
}

/** Show the outcome of an action where it remains visible. */
function tellOutcome(kind, { level, text }) {
  const line = byId("outcome");
  line.textContent = `${clock(Date.now(), timeZone)}: ${text}`;
  Object.assign(line.dataset, { level, kind, outcome: { good: "done", bad: "failed" }[level] ?? "running" });
  live.refresh();
}

function refuse() {
  byId("page").hidden = false;
  byId("operators-only").hidden = false;
  byId("operators").hidden = true;
  byId("live").querySelector("#live-state").hidden = true;
  byId("pause").hidden = true;
}

const live = new Live({ refresh, show, onSignedOut: (why) => signOut(why) });

await signedIn(whySignedOut());
byId("page").hidden = false;
if (isAdmin()) {
  for (const button of byId("actions").querySelectorAll("button")) button.onclick = () => open(button.dataset.action);
  offerPause(live);
  live.start();
} else {
  refuse();
  application().then(({ caller }) => showWho(caller), () => null); // It only adds who is signed in.
}
