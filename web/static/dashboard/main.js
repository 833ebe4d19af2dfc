/** The user's dashboard: four reads of the JSON API, their panels, and what keeps them current. */

import { Problem, read } from "../api.js";
import { byId, h } from "../dom.js";
import { Live } from "../live.js";
import { notice, offerPause, showLive } from "../live_state.js";
import { Panel } from "../panel.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { claims } from "../token.js";
import { Account, RecentCalls } from "./account.js";
import { Agents } from "./agents.js";
import { followControls, showControls } from "./controls.js";
import { Headline } from "./headline.js";
import { granularityOf, parametersOf, queryOf, questionOf } from "./question.js";
import { callsPlot, leadsPlot, showCalls, showLeads } from "./series.js";

const [headline, account, recent, agents] = [new Headline(), new Account(), new RecentCalls(), new Agents()];
const [calls, leads] = [callsPlot(), leadsPlot()];
const panels = Object.fromEntries(["headline", "calls", "credits", "leads", "recent", "agents"].map((id) => [id, new Panel(id)]));
const shown = (view) => (data) => view.show(data) ?? view.element;

/** Each read: its address, and what it fills. */
const READS = [
  { path: "dashboard/overview", fills: { credits: shown(account), recent: shown(recent) }, tellsZone: true },
  { path: "performance", period: true, fills: { headline: shown(headline) } },
  {
    path: "dashboard/analytics",
    period: true,
    more: (question) => `granularity=${granularityOf(question)}`,
    fills: { calls: (data) => showCalls(calls, data) ?? calls.element, leads: (data) => showLeads(leads, data) ?? leads.element },
  },
  { path: "agents", period: true, more: () => "series=calls", fills: { agents: shown(agents) } },
];

let question = questionOf(location.search);
let timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let zoneIsKnown = false;

/** Read everything and show it, for {@link Live}. What could not be had is said in its panel. */
async function refresh(signal) {
  const asked = question;
  const overview = fill(READS[0], asked, signal);
  if (!zoneIsKnown) await overview.catch(() => null); // today is the user's, not the browser's
  const outcomes = await Promise.allSettled([overview, ...READS.slice(1).map((item) => fill(item, asked, signal))]);
  if (asked !== question) return refresh(signal);
  const problems = outcomes.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  const serious = problems.find((problem) => !(problem instanceof Problem)) ?? problems.find(({ status }) => status === 401) ?? (problems.length === READS.length ? problems[0] : null);
  showWhose(problems.find(({ status }) => status === 403));
  if (serious && serious.status !== 403) throw serious;
  const watermarks = outcomes.map(({ value }) => value).filter(Boolean);
  return { watermark: watermarks.sort(olderFirst)[0] ?? null, complete: problems.length === 0 };
}

/** Read one answer into its panels; return its watermark. */
async function fill(item, asked, signal) {
  const { period, user } = parametersOf(asked, timeZone);
  const query = [item.period && period, item.more?.(asked), user].filter(Boolean).join("&");
  try {
    const { data, meta, provenance } = await read(`/api/v1/${item.path}${query && `?${query}`}`, { signal });
    if (asked !== question) return null;
    if (item.tellsZone) learnZone(data);
    for (const [id, show] of Object.entries(item.fills)) panels[id].show(show(data), provenance, timeZone);
    return meta.watermark;
  } catch (problem) {
    if (!(problem instanceof Problem) || asked !== question) throw problem;
    for (const id of Object.keys(item.fills)) panels[id].fail(problem.detail, () => live.refresh());
    throw problem;
  }
}

function learnZone(data) {
  [timeZone, zoneIsKnown] = [data.timezone, true];
  byId("who").textContent = question.user ? `Dashboard of user ${data.user_id}, times in ${timeZone}` : `User ${data.user_id}, times in ${timeZone}`;
  document.title = question.user ? `User ${data.user_id} · Frontview` : "Dashboard · Frontview";
}

/** Say that the address is of somebody else's dashboard, which the token does not allow to read. */
function showWhose(problem) {
  const own = problem && h("a", { href: `/${queryOf({ ...question, user: null })}` }, "Show your own dashboard");
  const who = claims().sub;
  const text = problem ? `This link is of another user's dashboard. You are signed in as user ${who}, who may not read it.` : "";
  notice("not-yours", text, "bad", own);
  document.querySelector(".grid").hidden = Boolean(problem);
}

function ask(change) {
  question = { ...question, ...change };
  history.pushState(null, "", location.pathname + queryOf(question));
  showQuestion();
}

function showQuestion() {
  showControls(question);
  for (const id of ["headline", "calls", "leads", "agents"]) panels[id].section.setAttribute("aria-busy", "true");
  live.refresh();
}

function olderFirst(one, other) {
  const [a, b] = [one, other].map((watermark) => watermark.split("-").map(Number));
  return a[0] - b[0] || a[1] - b[1];
}

const live = new Live({
  path: () => `/api/v1/dashboard/events${question.user ? `?${parametersOf(question, timeZone).user}` : ""}`,
  refresh,
  show: (state) => showLive(state, timeZone),
  onSignedOut: (why) => signOut(why),
  trustSeconds: Number(document.documentElement.dataset.trustSeconds),
});

addEventListener("popstate", () => {
  question = questionOf(location.search);
  showQuestion();
});
await signedIn(whySignedOut());
byId("page").hidden = false;
showControls(question);
followControls(ask);
offerPause(live);
live.start();
