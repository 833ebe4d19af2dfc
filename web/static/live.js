/**
 * What keeps a page current: reading everything again, as long as somebody looks at it. Where there is a stream of events
 * the page reads when one comes, elsewhere every 5 s.
 *
 * Whatever happens, the page says which of the two it is, and never looks live when it is not: the mode is made of what is
 * known (`#mode`), never set. An event comes from one process of the server; the next request may reach another, which is at
 * most H behind. So after an event the page reads at once, and once more when H has passed.
 */

import { Problem, get } from "./api.js";
import { follow } from "./event_stream.js";

const POLL_SECONDS = 5;
const ANYWAY_SECONDS = 60; // days end, entries expire: read so often even when nothing is told
const LEAST_SECONDS = 1; // between two reads, however many events come
const SILENCE_SECONDS = 40; // the server says something each 15
const FIRST_RETRY_SECONDS = 2;
const LONGEST_RETRY_SECONDS = 60;
const SHORT_LIFE_SECONDS = 5; // a stream that ends sooner was no good, in order or not
const FINAL = [403, 404, 422]; // asking again would be answered the same
const DEFECT = "This page has a defect, and could not show an answer.";

const seconds = () => performance.now() / 1000;

/**
 * @typedef {{mode: "connecting"|"live"|"polling"|"paused"|"offline"|"refused", why: string, exactOnly: boolean, at: ?Date}} State
 *   `at`: when everything was read last.
 * @typedef {{refresh: function(AbortSignal): Promise<?{watermark: ?string, complete: boolean}>, show: function(State): void,
 *   onSignedOut: function(string): void, path?: function(): string, trustSeconds?: number}} Parts
 *   `refresh` reads and shows everything; it returns the oldest watermark of what is shown and whether all of it could be
 *   had, and throws when nothing could. `path`: of the stream of events.
 */
export class Live {
  #parts;
  #isStarted = false;
  #isPaused = false;
  #run = null; // while somebody looks
  #reading = null;
  #timer = null;
  #due = Infinity;
  #began = -Infinity;
  #settledAt = -Infinity; // what was read before may lack a change that was told
  #isWanted = false; // another read, after the one under way
  #stream = { is: "none", why: "" };
  #watermark = null;
  #read = null; // the last one that worked: {at, complete}
  #fault = null; // of the last one, if it did not
  #exactOnly = false;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    document.addEventListener("visibilitychange", () => this.#follow());
    addEventListener("online", () => this.#run && this.refresh());
    addEventListener("offline", () => this.#run && this.#noteNoNetwork());
  }

  get paused() {
    return this.#isPaused;
  }

  /** Begin, or go on after a pause. */
  start() {
    [this.#isStarted, this.#isPaused] = [true, false];
    this.#show();
    this.#follow();
  }

  /** Read nothing more by itself until {@link start}; what is shown stays, and its time is said. */
  pause() {
    this.#isPaused = true;
    this.#end();
    this.#show();
  }

  /** Read everything now, in place of what is being read: somebody asks, or something else is asked for. */
  async refresh() {
    if (FINAL.includes(this.#fault?.status)) this.#fault = null;
    if (this.#isStarted && !this.#isPaused && !this.#run) return this.#follow();
    return this.#readAll();
  }

  /** Begin or end as somebody looks or not: a tab that nobody looks at takes nobody's room. */
  #follow() {
    const isDue = this.#isStarted && !this.#isPaused && !document.hidden && !FINAL.includes(this.#fault?.status);
    if (!isDue) return this.#end();
    if (this.#run) return undefined;
    const run = (this.#run = new AbortController());
    return this.#readAll().then(() => this.#parts.path && !run.signal.aborted && this.#keepStreaming(run.signal));
  }

  #end() {
    this.#run?.abort();
    this.#reading?.abort();
    clearTimeout(this.#timer);
    [this.#run, this.#reading, this.#due, this.#isWanted] = [null, null, Infinity, false];
    this.#stream = { is: "none", why: "" };
  }

  #noteNoNetwork() {
    this.#fail(new Problem({ detail: "This computer has no network." }));
    this.#ask(POLL_SECONDS);
  }

  // --- reading

  async #readAll() {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    clearTimeout(this.#timer);
    [this.#due, this.#began, this.#isWanted] = [Infinity, seconds(), false];
    if (this.#parts.path && this.#read && this.#stream.is === "none" && this.#run) this.#askForTrust(this.#run);
    try {
      const { watermark = null, complete = true } = (await this.#parts.refresh(reading.signal)) ?? {};
      if (reading !== this.#reading) return;
      this.#watermark ??= watermark; // from then on events say how far the page has heard
      [this.#read, this.#fault] = [{ at: new Date(), complete }, null];
      this.#show();
    } catch (error) {
      if (reading === this.#reading) this.#fail(error);
    }
    if (reading !== this.#reading) return;
    this.#reading = null;
    this.#plan();
  }

  #fail(error) {
    if (error.status === 401) return this.#parts.onSignedOut(error.detail);
    if (!(error instanceof Problem)) reportError(error);
    this.#fault = error instanceof Problem ? error : new Problem({ detail: DEFECT });
    if (FINAL.includes(this.#fault.status)) this.#end();
    return this.#show();
  }

  /** After a read: say when the next one is due. */
  #plan() {
    const isSettled = this.#began >= this.#settledAt;
    if (this.#fault) this.#ask(Math.max(POLL_SECONDS, Math.min(this.#fault.retryAfterSeconds ?? 0, LONGEST_RETRY_SECONDS)));
    else this.#ask(this.#mode() === "live" ? ANYWAY_SECONDS : POLL_SECONDS);
    if (!isSettled) this.#ask(this.#settledAt - seconds());
    if (this.#isWanted) this.#ask(0);
  }

  /** Read after so many seconds at the latest. */
  #ask(after) {
    const due = Math.max(seconds() + after, this.#began + LEAST_SECONDS);
    if (!this.#run || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      if (this.#reading) this.#isWanted = true;
      else this.#readAll();
    }, (due - seconds()) * 1000);
  }

  /** Without a stream nobody tells whether the cache may answer: ask. */
  async #askForTrust(run) {
    const ready = await get("/readyz", { signal: run.signal }).catch(() => null);
    if (!ready || run !== this.#run || this.#stream.is !== "none") return;
    this.#exactOnly = ready.trust === false;
    this.#show();
  }

  // --- streaming

  async #keepStreaming(signal) {
    let pause = FIRST_RETRY_SECONDS;
    while (!signal.aborted) {
      const began = seconds();
      const end = await this.#followStream(signal);
      if (signal.aborted) return;
      const isUsual = end.inOrder && seconds() - began > SHORT_LIFE_SECONDS; // streams end, so that load spreads
      this.#stream = { is: "none", why: isUsual ? "" : end.why };
      if (!isUsual) this.#show();
      this.#ask(POLL_SECONDS);
      if (seconds() - began > LONGEST_RETRY_SECONDS) pause = FIRST_RETRY_SECONDS;
      await wait(isUsual ? 0.2 : (end.retryAfterSeconds ?? pause), signal);
      if (!isUsual) pause = Math.min(pause * 2, LONGEST_RETRY_SECONDS);
    }
  }

  /** Follow one stream to its end; return how it ended: {inOrder, why, retryAfterSeconds}. */
  async #followStream(signal) {
    const cut = "The live stream was cut.";
    const [lastEventId, silenceSeconds] = [this.#watermark, SILENCE_SECONDS];
    const onEvent = (event) => this.#take(event, !lastEventId);
    try {
      await follow(this.#parts.path(), { signal, lastEventId, silenceSeconds, onEvent });
      return { inOrder: true, why: cut };
    } catch (problem) {
      if (signal.aborted) return {};
      if (problem.status === 401) this.#parts.onSignedOut(problem.detail);
      if (problem.type?.endsWith(":too-many-streams")) {
        return { why: "The server has no room for another live stream.", retryAfterSeconds: problem.retryAfterSeconds };
      }
      return { why: problem.status ? problem.detail : cut };
    }
  }

  /** `isFromNow`: the stream does not tell what happened before it. */
  #take({ type, id, data }, isFromNow) {
    this.#watermark = id || this.#watermark;
    if (type === "state") {
      const isTrusted = JSON.parse(data).cache === "trusted";
      this.#stream = { is: isTrusted ? "trusted" : "untrusted", why: "" };
      this.#exactOnly = !isTrusted;
      if (isFromNow) this.#settledAt = Math.max(this.#settledAt, seconds());
      this.#show();
      this.#ask(this.#mode() === "live" && !isFromNow ? ANYWAY_SECONDS : 0);
    } else if (type === "changed") {
      this.#settledAt = seconds() + this.#parts.trustSeconds + 0.1;
      this.#ask(0);
    }
  }

  // --- what is known

  #mode() {
    if (this.#isPaused) return "paused";
    if (this.#fault) return FINAL.includes(this.#fault.status) ? "refused" : "offline";
    if (!this.#read) return "connecting";
    return this.#stream.is === "trusted" && this.#read.complete ? "live" : "polling";
  }

  #show() {
    const mode = this.#mode();
    const why = { offline: this.#fault?.detail, refused: this.#fault?.detail, polling: this.#stream.why }[mode] ?? "";
    this.#parts.show({ mode, why, exactOnly: this.#exactOnly, at: this.#read?.at ?? null });
  }
}

/** Return after some seconds, or when `signal` is aborted. */
function wait(after, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, after * 1000);
    signal.addEventListener("abort", end);
  });
}
