/** The page of an application: one of its dashboards, made from what the server says about it, and kept current. */

import { Problem, read } from "../api.js";
import { application, readApplication } from "../application.js";
import { byId, h } from "../dom.js";
import { isTimeZone } from "../figures.js";
import { Live } from "../live.js";
import { notice, offerPause, showLive } from "../live_state.js";
import { nameOf } from "../measures.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { changed, filterParts, needsToday, queryOf, queryOfUser, questionOf } from "./address.js";
import { Board } from "./board.js";
import { makeControls, offerDates, showControls } from "./controls.js";
import { makeFilters, showFilters } from "./filters.js";

const DEFECT = "This page has a defect, and could not show an answer.";
const NO_DASHBOARD = "The application declares no dashboard. The API's description has what it serves.";
const whose = () => new URLSearchParams(location.search).get("user"); // Of operators: another user's page.

let dashboards = null; // As the application describes them.
let question = null;
let board = null;
let user = null; // {id, name, zone, today}, once an answer was read.

/** Read and show everything, for {@link Live}. */
async function refresh(signal) {
  const reads = [readApplication({ signal }), dashboards && answered(signal)];
  const [described, answer] = await Promise.allSettled(reads);
  signal.throwIfAborted();
  const isNeeded = !dashboards || answer.status === "rejected";
  if (described.status === "fulfilled") await arrange(described.value.dashboards);
  else if (isNeeded) throw failed(answer.reason ?? described.reason);
  if (!board) return { complete: true };
  try {
    if (answer.status === "rejected") throw answer.reason;
    return show(answer.value ?? (await answered(signal)));
  } catch (error) {
    if (signal.aborted) throw error;
    throw failed(error);
  }
}

/** Return the answer to the question that the page has now. */
async function answered(signal) {
  const asked = question;
  const dashboard = dashboards[asked.name];
  if (needsToday(asked, dashboard) && !user) learnUser((await read(dashboard.href + queryOfUser(asked.user), { signal })).meta);
  return read(dashboard.href + queryOf(asked, dashboard, user?.today), { signal });
}

function show(answer) {
  const { meta } = answer;
  learnUser(meta);
  showWhose(null);
  offerDates(meta.parameters);
  const about = { timeZone: timeZone(), granularity: meta.parameters.granularity };
  return { watermark: meta.watermark, complete: board.show(answer, about, () => live.refresh()) };
}

/** Show what is wrong in the panels; return it. */
function failed(error) {
  showWhose(error.status === 403 ? error : null);
  if (board) board.fail(error instanceof Problem ? error.detail : DEFECT, () => live.refresh());
  else byId("panels").replaceChildren(); // Nothing is on its way.
  return error;
}

/** Make the page of what the application serves; where that is something else by now, the page begins again. */
function arrange(described) {
  if (described === dashboards) return undefined;
  if (dashboards && JSON.stringify(described) !== JSON.stringify(dashboards)) {
    location.reload();
    return new Promise(() => null);
  }
  const isFirst = !dashboards;
  dashboards = described;
  if (!isFirst) return undefined;
  if (Object.keys(dashboards).length) return showQuestion();
  byId("panels").replaceChildren();
  return notice("nothing", NO_DASHBOARD, "plain", h("a", { href: "docs" }, "Show the description"));
}

/** Make the page fit the address: the dashboard's own controls and panels, if it is another one. */
function showQuestion() {
  const before = question;
  question = questionOf(location.search, dashboards);
  const dashboard = dashboards[question.name];
  if (before?.user !== question.user) user = null;
  if (before?.name !== question.name) {
    board?.remove();
    board = new Board(dashboard);
    makeControls(dashboard, ask);
  } else board.wait();
  if (before?.name !== question.name || before.user !== question.user) {
    makeFilters(dashboards, question, (dimension, value) => ask(filterParts(dimension, value)));
  }
  showControls(question);
  showFilters(question);
  showTabs();
  showTitle();
}

function ask(parts) {
  history.pushState(null, "", location.pathname + changed(location.search, parts));
  showQuestion();
  live.refresh();
}

function showTabs() {
  const [first, ...more] = Object.keys(dashboards);
  const tab = (name) => {
    const parts = { dashboard: name === first ? null : name };
    const go = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      ask(parts);
    };
    return h("a", { href: `./${changed(location.search, parts)}`, "aria-current": name === question.name ? "page" : null, onclick: go }, nameOf(name, dashboards[name].label));
  };
  const hadFocus = byId("tabs").contains(document.activeElement);
  byId("tabs").replaceChildren(...(more.length ? [first, ...more].map(tab) : []));
  byId("tabs").hidden = !more.length;
  if (hadFocus) byId("tabs").querySelector("[aria-current]").focus();
}

function showTitle() {
  const label = nameOf(question.name, dashboards[question.name].label);
  document.title = `${question.user ? `User ${question.user}, ` : ""}${label} · Frontview`;
  document.querySelector("h1").textContent = label;
}

function learnUser({ user: told }) {
  user = told;
  const times = isTimeZone(user.zone) ? `times in ${user.zone}` : `times in UTC: this browser does not know the zone ${user.zone}`;
  byId("who").textContent = `${whose() ? "Dashboard of " : ""}${user.name ?? `${whose() ? "user" : "User"} ${user.id}`}, ${times}`;
}

/** Say that the address is of another user's dashboard, which the token does not allow to read. */
async function showWhose(problem) {
  byId("panels").hidden = Boolean(problem);
  if (!problem) return notice("not-yours", "");
  const { caller } = await application();
  const text = `This link is of another user's dashboard. You are signed in as user ${caller.id}, who may not read it.`;
  return notice("not-yours", text, "bad", h("a", { href: `./${changed(location.search, { user: null })}` }, "Show your own dashboard"));
}

function timeZone() {
  if (!user) return Intl.DateTimeFormat().resolvedOptions().timeZone;
  return isTimeZone(user.zone) ? user.zone : "UTC";
}

const live = new Live({
  path: () => `/api/v1/dashboard/events${queryOfUser(whose())}`,
  refresh,
  show: (state) => showLive(state, timeZone()),
  onSignedOut: (why) => signOut(why),
  trustSeconds: Number(document.documentElement.dataset.trustSeconds),
});

await signedIn(whySignedOut());
addEventListener("popstate", () => {
  if (!dashboards) return;
  showQuestion();
  live.refresh();
});
byId("page").hidden = false;
offerPause(live);
live.start();
