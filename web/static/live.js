/**
 * What keeps a page current: the server's events where it has room for them, asking again where it has not.
 *
 * Whatever happens, the page says which of the two it is, and never looks live when it is not. An event comes from one
 * process of the server; the next request may reach another, which is at most H behind. So after an event the page asks
 * at once, and once more when H has passed.
 */

import { Problem, get } from "./api.js";
import { follow } from "./event_stream.js";

const POLL_SECONDS = 5;
const ANYWAY_SECONDS = 60; // days end, entries expire: ask so often even when nothing is told
const SILENCE_SECONDS = 40; // the server says something each 15
const FIRST_RETRY_SECONDS = 2;
const LONGEST_RETRY_SECONDS = 60;

/**
 * @param {{path: function(): string, refresh: function(AbortSignal): Promise<{watermark: ?string, complete: boolean}>,
 *   show: function(State): void, onSignedOut: function(string): void, trustSeconds: number}} parts `refresh` reads
 *   everything, returns the oldest watermark of what is shown and whether all of it could be had, and throws a Problem when
 *   the server did not answer.
 * State: {mode: "connecting"|"live"|"polling"|"paused"|"offline", why: string, exactOnly: boolean, at: Date}
 */
export class Live {
  #parts;
  #stop = null;
  #running = null;
  #again = false;
  #streams = false;
  #pollAt = null;
  #timers = new Set();
  #watermark = null;
  #complete = false;
  #state = { mode: "connecting", why: "", exactOnly: false, at: null };

  constructor(parts) {
    this.#parts = parts;
    document.addEventListener("visibilitychange", () => this.#followVisibility());
    addEventListener("online", () => this.#stop && this.refresh());
  }

  /** Begin, or go on after a pause: read everything, then follow the events. */
  async start() {
    if (this.#stop) return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#tell({ mode: "connecting", why: "" });
    await this.refresh();
    if (!signal.aborted) this.#keepStreaming(signal);
  }

  /** Ask for nothing more until {@link start}; what is shown stays, and its time is said. */
  pause() {
    this.#end();
    this.#tell({ mode: "paused", why: "" });
  }

  get paused() {
    return this.#state.mode === "paused";
  }

  /** Read everything again; calls that come while one is at it become one more. */
  async refresh() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#refresh().finally(() => {
      this.#running = null;
      if (this.#again && this.#stop) {
        this.#again = false;
        this.refresh();
      }
    });
    return this.#running;
  }

  async #refresh() {
    const stop = this.#stop;
    try {
      const { watermark, complete } = await this.#parts.refresh(stop?.signal);
      if (stop !== this.#stop || !stop) return;
      this.#watermark ??= watermark; // from here on events say how far the page has heard
      this.#complete = complete;
      const mode = this.#state.mode === "offline" || this.#state.mode === "connecting" ? "polling" : this.#state.mode;
      this.#tell({ mode: this.#streams ? "live" : mode, at: new Date() });
    } catch (problem) {
      if (stop !== this.#stop || problem.name === "AbortError") return;
      if (!(problem instanceof Problem)) throw problem; // a defect of ours
      if (problem.status === 401) this.#parts.onSignedOut(problem.detail);
      else this.#tell({ mode: "offline", why: problem.detail });
    } finally {
      if (stop === this.#stop && stop) this.#planPoll();
    }
  }

  async #keepStreaming(signal) {
    let pause = FIRST_RETRY_SECONDS;
    while (!signal.aborted) {
      const began = Date.now();
      const why = await this.#stream(signal);
      this.#streams = false;
      if (signal.aborted) return;
      if (Date.now() - began > 30_000) pause = FIRST_RETRY_SECONDS;
      if (why.text) this.#tell({ mode: this.#state.mode === "offline" ? "offline" : "polling", why: why.text });
      this.#planPoll();
      await this.#wait(why.seconds ?? pause, signal);
      pause = Math.min(pause * 2, LONGEST_RETRY_SECONDS);
    }
  }

  /** Follow one stream; return why it ended and, where the server said it, how long to wait. */
  async #stream(signal) {
    try {
      await follow(this.#parts.path(), {
        signal,
        lastEventId: this.#watermark,
        silenceSeconds: SILENCE_SECONDS,
        onEvent: (event) => this.#take(event),
      });
      return { text: "", seconds: 0.2 }; // the server ends streams in order, so that load spreads
    } catch (problem) {
      if (signal.aborted) return { text: "" };
      if (problem.status === 401) this.#parts.onSignedOut(problem.detail);
      if (problem.type?.endsWith(":too-many-streams")) {
        return { text: "The server has no room for another live stream.", seconds: problem.retryAfterSeconds ?? LONGEST_RETRY_SECONDS };
      }
      if (problem.status >= 400) return { text: problem.detail, seconds: LONGEST_RETRY_SECONDS };
      return { text: "The live stream was cut." };
    }
  }

  #take({ type, id, data }) {
    this.#watermark = id || this.#watermark;
    if (type === "state") {
      const trusted = JSON.parse(data).cache === "trusted";
      this.#streams = trusted;
      this.#tell({ mode: trusted ? "live" : "polling", why: "", exactOnly: !trusted });
      this.#planPoll();
    } else if (type === "changed") {
      this.refresh();
      this.#later(this.#parts.trustSeconds + 0.1, () => this.refresh());
    }
  }

  #planPoll() {
    clearTimeout(this.#pollAt);
    const seconds = this.#streams && this.#complete ? ANYWAY_SECONDS : POLL_SECONDS;
    this.#pollAt = setTimeout(() => {
      if (!this.#streams) this.#askForTrust();
      this.refresh();
    }, seconds * 1000);
  }

  /** Without a stream nobody tells whether the cache may answer: ask. */
  async #askForTrust() {
    const ready = await get("/readyz").catch(() => null);
    if (ready && this.#stop) this.#tell({ exactOnly: ready.trust === false });
  }

  #followVisibility() {
    if (this.paused || this.#state.mode === "connecting") return;
    if (document.hidden) this.#end(); // a tab that nobody looks at takes nobody's room
    else this.start();
  }

  #end() {
    this.#stop?.abort();
    this.#stop = null;
    this.#streams = false;
    clearTimeout(this.#pollAt);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #later(seconds, action) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, seconds * 1000);
    this.#timers.add(timer);
  }

  #wait(seconds, signal) {
    return new Promise((resolve) => {
      this.#later(seconds, resolve);
      signal.addEventListener("abort", resolve, { once: true });
    });
  }

  #tell(change) {
    this.#state = { ...this.#state, ...change };
    this.#parts.show(this.#state);
  }
}
