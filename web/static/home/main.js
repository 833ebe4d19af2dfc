/** The page of a declared application: a panel for each of its views, kept current. */

import { Problem, read } from "../api.js";
import { readApplication } from "../application.js";
import { byId } from "../dom.js";
import { isTimeZone } from "../figures.js";
import { Live } from "../live.js";
import { offerPause, showLive } from "../live_state.js";
import { together } from "../several_reads.js";
import { signOut, signedIn, whySignedOut } from "../sign_in.js";
import { ViewPanel } from "./view_panel.js";

const UNREADABLE = "The server's answer cannot be shown.";
const whose = new URLSearchParams(location.search).get("user"); // Of operators: another user's page.
const query = whose ? `?${new URLSearchParams({ user_id: whose })}` : "";

let views = []; // The panels.
let described = ""; // The views that they are made for, as JSON.
let timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Read and show everything, for {@link Live}: what the application is now, and an answer for each of its views. */
async function refresh(signal) {
  const application = await readApplication({ signal });
  if (!application.declaration) return location.reload(); // The bundled application has a page of its own.
  arrange(application.views);
  return together(views.map((view) => fill(view, signal)), signal, "./");
}

/** Make a panel for each view; where others are declared by now, the page begins again. */
function arrange(declared) {
  const text = JSON.stringify(declared);
  if (text === described) return;
  if (described) location.reload();
  described = text;
  const names = Object.keys(declared);
  views = names.map((name) => new ViewPanel(name, declared[name], emptyPanel(names.length > 1 ? "half" : "whole")));
  byId("views").replaceChildren(...views.map(({ panel }) => panel.section));
}

function emptyPanel(width) {
  const section = byId("empty-panel").content.firstElementChild.cloneNode(true);
  section.classList.add(width);
  return section;
}

/** Read a view's answer into its panel; return its watermark. */
async function fill(view, signal) {
  try {
    const { data, meta, provenance } = await read(view.href + query, { signal });
    signal.throwIfAborted();
    learnUser(meta.user);
    view.show(data);
    view.panel.show(view.element, provenance, timeZone);
    return meta.watermark;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!(error instanceof Problem)) reportError(error);
    view.panel.fail(error instanceof Problem ? error.detail : UNREADABLE, () => live.refresh());
    throw error;
  }
}

function learnUser({ id, name, zone }) {
  if (isTimeZone(zone)) timeZone = zone;
  byId("who").textContent = `${whose ? "Dashboard of " : ""}${name ?? `${whose ? "user" : "User"} ${id}`}, days of ${zone}`;
}

const live = new Live({
  path: () => `/api/v1/dashboard/events${query}`,
  refresh,
  show: (state) => showLive(state, timeZone),
  onSignedOut: (why) => signOut(why),
  trustSeconds: Number(document.documentElement.dataset.trustSeconds),
});

await signedIn(whySignedOut());
byId("page").hidden = false;
offerPause(live);
live.start();
