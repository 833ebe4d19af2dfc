/** Shows the state of the connection: a word, a shape and a reason; and the button that pauses it. */

import { byId, h } from "./dom.js";
import { instant } from "./figures.js";

const WORDS = { connecting: "Connecting", live: "Live", polling: "Asking every 5 s", paused: "Paused", offline: "Not up to date", refused: "Nothing to show" };
const EXACT_ONLY =
  "The numbers are exact, but slower: the refresher does not report changes, so every answer is computed for its request.";

/** Show a state of {@link Live}. */
export function showLive({ mode, why, exactOnly, at }, timeZone) {
  const state = byId("live-state");
  const since = at ? instant(at, timeZone, { seconds: true }) : "";
  const words = mode === "paused" && since ? `Paused at ${since}` : WORDS[mode];
  if (state.textContent !== words) state.textContent = words;
  state.dataset.mode = mode;
  state.hidden = false;
  notice("exact-only", exactOnly && (mode === "live" || mode === "polling") ? EXACT_ONLY : "", "warn");
  notice("polling", mode === "polling" && why ? `${why} The page asks every 5 s instead.` : "", "plain");
  notice("offline", mode === "offline" ? `${why} ${since ? `What is shown is as of ${since}; the` : "The"} page keeps trying.` : "", "bad");
  document.body.dataset.live = mode;
}

/** Make the pause button of the page work. */
export function offerPause(live) {
  const button = byId("pause");
  button.hidden = false;
  button.onclick = () => {
    if (live.paused) live.start();
    else live.pause();
    button.setAttribute("aria-pressed", String(live.paused));
    button.textContent = live.paused ? "Go on" : "Pause";
  };
}

/** Show a sentence above the panels, or remove it if `text` is empty. */
export function notice(id, text, kind, ...more) {
  const before = document.getElementById(`notice-${id}`);
  if (!text) return before?.remove();
  if (before?.dataset.text === text) return undefined;
  const shown = h("div", { id: `notice-${id}`, class: "notice", role: "status", "data-kind": kind, "data-text": text }, h("p", {}, text), ...more);
  if (before) before.replaceWith(shown);
  else byId("notices").append(shown);
  return undefined;
}
