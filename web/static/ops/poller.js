/**
 * What keeps the page current: asking again every 5 s, as long as somebody looks at it.
 *
 * Whatever happens, the page says which of its states it is in; they are those of `live.js`, shown by `live_state.js`.
 */

import { Problem } from "../api.js";

const POLL_SECONDS = 5;
const LONGEST_ANSWER_SECONDS = 10; // a server that takes longer counts as gone

/**
 * @param {{refresh: function(AbortSignal): Promise<void>, show: function(State): void, onSignedOut: function(string): void,
 *   onRefused: function(): void}} parts `refresh` asks and shows; it throws a Problem when there was no answer.
 * State: {mode: "connecting"|"polling"|"paused"|"offline", why: string, at: Date}
 */
export class Poller {
  #parts;
  #stop = null;
  #isWanted = false;
  #timer = null;
  #state = { mode: "connecting", why: "", exactOnly: false, at: null };

  constructor(parts) {
    this.#parts = parts;
    document.addEventListener("visibilitychange", () => this.#followVisibility());
    addEventListener("online", () => this.refresh());
  }

  /** Begin, or go on after a pause. */
  start() {
    this.#isWanted = true;
    if (this.#state.mode === "paused") this.#tell({ mode: "connecting" });
    this.#followVisibility();
  }

  /** Ask for nothing more until {@link start}; what is shown stays, and its time is said. */
  pause() {
    this.#isWanted = false;
    this.#end();
    this.#tell({ mode: "paused", why: "" });
  }

  get paused() {
    return this.#state.mode === "paused";
  }

  /** Ask now, unless the page is paused or nobody looks at it. */
  refresh() {
    if (!this.#stop) return;
    this.#end();
    this.#followVisibility();
  }

  #followVisibility() {
    if (!this.#isWanted) return;
    if (document.hidden) this.#end();
    else if (!this.#stop) {
      this.#stop = new AbortController();
      this.#ask(this.#stop);
    }
  }

  async #ask(stop) {
    clearTimeout(this.#timer);
    let seconds = POLL_SECONDS;
    try {
      await this.#parts.refresh(AbortSignal.any([stop.signal, AbortSignal.timeout(LONGEST_ANSWER_SECONDS * 1000)]));
      if (stop === this.#stop) this.#tell({ mode: "polling", why: "", at: new Date() });
    } catch (problem) {
      if (stop !== this.#stop) return;
      if (!(problem instanceof Problem)) throw problem;
      seconds = Math.max(seconds, problem.retryAfterSeconds ?? 0);
      this.#fail(problem);
    } finally {
      if (stop === this.#stop && stop) this.#timer = setTimeout(() => this.#ask(stop), seconds * 1000);
    }
  }

  #fail(problem) {
    if (problem.status === 401) this.#parts.onSignedOut(problem.detail);
    else if (problem.status === 403) {
      this.pause();
      this.#parts.onRefused();
    } else this.#tell({ mode: "offline", why: problem.detail });
  }

  #end() {
    this.#stop?.abort();
    this.#stop = null;
    clearTimeout(this.#timer);
  }

  #tell(change) {
    this.#state = { ...this.#state, ...change };
    this.#parts.show(this.#state);
  }
}
