/** The user's dashboard: four reads of the JSON API and their panels, kept current. */

import { Problem, read } from "../api.js";
import { byId } from "../dom.js";
import { isTimeZone } from "../figures.js";
import { Live } from "../live.js";
import { offerPause, showLive } from "../live_state.js";
import { Panel } from "../panel.js";
import { together } from "../several_reads.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { Account, RecentCalls } from "./account.js";
import { Agents } from "./agents.js";
import { followControls, offerDates, showControls } from "./controls.js";
import { Headline } from "./headline.js";
import { granularityOf, needsToday, parametersOf, queryOf, questionOf } from "./question.js";
import { callsPlot, leadsPlot, showCalls, showLeads } from "./series.js";

const [headline, account, recent, agents] = [new Headline(), new Account(), new RecentCalls(), new Agents()];
const [calls, leads] = [callsPlot(), leadsPlot()];
const panels = Object.fromEntries(["headline", "calls", "credits", "leads", "recent", "agents"].map((id) => [id, new Panel(id)]));
const shown = (view) => (data, timeZone) => view.show(data, timeZone) ?? view.element;

/** Each read: its address, and the panels that it fills. */
const READS = [
  { path: "dashboard/overview", fills: { credits: shown(account), recent: shown(recent) }, tells: learnUser },
  { path: "performance", period: true, fills: { headline: shown(headline) } },
  {
    path: "dashboard/analytics",
    period: true,
    more: (chosen) => `granularity=${granularityOf(chosen)}`,
    tells: learnPeriod,
    fills: { calls: (data) => showCalls(calls, data) ?? calls.element, leads: (data) => showLeads(leads, data) ?? leads.element },
  },
  { path: "agents", period: true, more: () => "series=calls", fills: { agents: shown(agents) } },
];

const UNREADABLE = "The server's answer cannot be shown.";

let question = questionOf(location.search);
let user = null; // {timeZone, today}, once the overview was read.
let period = null; // The days that are shown.

/** Read and show everything, for {@link Live}. A panel whose read failed shows the error. */
async function refresh(signal) {
  const overview = fill(READS[0], signal);
  if (!user) await overview.catch(() => null); // The current day is that of the user's time zone, not the browser's.
  const reads = [overview, ...READS.slice(1).map((item) => fill(item, signal))];
  return together(reads, signal, `./${queryOf({ ...question, user: null })}`);
}

/** Read one answer into its panels; return its watermark. */
async function fill(item, signal) {
  const parameters = parametersOf(question, user?.today);
  const query = [item.period && parameters.period, item.more?.(question), parameters.user].filter(Boolean).join("&");
  try {
    if (item.period && needsToday(question) && !user) throw new Problem({ detail: "The current day of this user could not be read." });
    const { data, meta, provenance } = await read(`/api/v1/${item.path}${query && `?${query}`}`, { signal });
    signal.throwIfAborted();
    item.tells?.(data);
    for (const [id, show] of Object.entries(item.fills)) panels[id].show(show(data, zone()), provenance, zone());
    return meta.watermark;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!(error instanceof Problem)) reportError(error);
    const detail = error instanceof Problem ? error.detail : UNREADABLE;
    for (const id of Object.keys(item.fills)) panels[id].fail(detail, () => live.refresh());
    throw error;
  }
}

function learnUser({ user_id: id, timezone, today }) {
  const isKnown = isTimeZone(timezone);
  user = { timeZone: isKnown ? timezone : "UTC", today };
  const times = isKnown ? `times in ${timezone}` : `times in UTC: this browser does not know the zone ${timezone}`;
  byId("who").textContent = `${question.user ? "Dashboard of user" : "User"} ${id}, ${times}`;
  document.title = question.user ? `User ${id} · Frontview` : "Dashboard · Frontview";
}

function learnPeriod({ from, to }) {
  period = { from, to };
  offerDates(period);
}

const zone = () => user?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

function ask(change) {
  question = { ...question, ...change };
  history.pushState(null, "", location.pathname + queryOf(question));
  showQuestion();
}

function showQuestion() {
  showControls(question, period);
  for (const id of ["headline", "calls", "leads", "agents"]) panels[id].section.setAttribute("aria-busy", "true");
  live.refresh();
}

const live = new Live({
  path: () => `/api/v1/dashboard/events${question.user ? `?${parametersOf(question).user}` : ""}`,
  refresh,
  show: (state) => showLive(state, zone()),
  onSignedOut: (why) => signOut(why),
  trustSeconds: Number(document.documentElement.dataset.trustSeconds),
});

await signedIn(whySignedOut());
addEventListener("popstate", () => {
  const newQuestion = questionOf(location.search);
  if (newQuestion.user !== question.user) user = null;
  question = newQuestion;
  showQuestion();
});
byId("page").hidden = false;
showControls(question, period);
followControls(ask);
offerPause(live);
live.start();
