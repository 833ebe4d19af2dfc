/**
 * Keeps a page current by reading everything again while the page is visible: after each event if there is an event stream,
 * otherwise every 5 s.
 *
 * The page always shows which of the two applies, and never looks live when it is not: the mode is computed from the known
 * facts (`#mode`) and never set. An event comes from one process of the server; the next request may reach another process,
 * which is at most H behind. So after an event the page reads immediately, and again after H.
 */

import { Problem, get } from "./api.js";
import { follow } from "./event_stream.js";

const POLL_SECONDS = 5;
const ANYWAY_SECONDS = 60; // The longest time between two reads: days end and entries expire without an event.
const LEAST_SECONDS = 1; // The shortest time between two reads, no matter how many events arrive.
const SILENCE_SECONDS = 40; // The server sends something every 15 s.
const FIRST_RETRY_SECONDS = 2;
const LONGEST_RETRY_SECONDS = 60;
const SHORT_LIFE_SECONDS = 5; // A stream that ends sooner counts as failed, even if the server ended it normally.
const FINAL = [403, 404, 422]; // The statuses that another request would get again.
const DEFECT = "This page has a defect, and could not show an answer.";

const seconds = () => performance.now() / 1000;

/**
 * @typedef {{mode: "connecting"|"live"|"polling"|"paused"|"offline"|"refused", why: string, exactOnly: boolean, at: ?Date}} State
 *   `at`: the time of the last complete read.
 * @typedef {{refresh: function(AbortSignal): Promise<?{watermark: ?string, complete: boolean}>, show: function(State): void,
 *   onSignedOut: function(string): void, path?: function(): string, trustSeconds?: number}} Parts
 *   `refresh` reads and shows everything; it returns the oldest watermark shown and whether every read succeeded, and
 *   throws if none did. `path`: the address of the event stream.
 */
export class Live {
  #parts;
  #isStarted = false;
  #isPaused = false;
  #run = null; // Set while the page is visible and not paused.
  #reading = null;
  #timer = null;
  #due = Infinity;
  #began = -Infinity;
  #settledAt = -Infinity; // Earlier reads may lack the change that an event reported.
  #isWanted = false; // Whether another read must follow the running one.
  #stream = { is: "none", why: "" };
  #watermark = null;
  #read = null; // The last successful read: {at, complete}.
  #fault = null; // The error of the last read, if it failed.
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

  /** Start, or continue after a pause. */
  start() {
    [this.#isStarted, this.#isPaused] = [true, false];
    this.#show();
    this.#follow();
  }

  /** Stop automatic reads until {@link start}; the numbers stay on the page, with their time. */
  pause() {
    this.#isPaused = true;
    this.#end();
    this.#show();
  }

  /** Read everything now, instead of a running read: the user requested it, or the page's question changed. */
  async refresh() {
    if (FINAL.includes(this.#fault?.status)) this.#fault = null;
    if (this.#isStarted && !this.#isPaused && !this.#run) return this.#follow();
    return this.#readAll();
  }

  /** Start or stop with the page's visibility: a hidden tab must not occupy the server. */
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
      this.#watermark ??= watermark; // From now on events carry the newest watermark that the page knows.
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

  /** Schedule the next read after a read. */
  #plan() {
    const isSettled = this.#began >= this.#settledAt;
    if (this.#fault) this.#ask(Math.max(POLL_SECONDS, Math.min(this.#fault.retryAfterSeconds ?? 0, LONGEST_RETRY_SECONDS)));
    else this.#ask(this.#mode() === "live" ? ANYWAY_SECONDS : POLL_SECONDS);
    if (!isSettled) this.#ask(this.#settledAt - seconds());
    if (this.#isWanted) this.#ask(0);
  }

  /** Read after the given number of seconds at the latest. */
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

  /** Ask whether the cache may answer, which only an event stream reports otherwise. */
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
      const isUsual = end.inOrder && seconds() - began > SHORT_LIFE_SECONDS; // The server ends streams to spread the load.
      this.#stream = { is: "none", why: isUsual ? "" : end.why };
      if (!isUsual) this.#show();
      this.#ask(POLL_SECONDS);
      if (seconds() - began > LONGEST_RETRY_SECONDS) pause = FIRST_RETRY_SECONDS;
      await wait(isUsual ? 0.2 : (end.retryAfterSeconds ?? pause), signal);
      if (!isUsual) pause = Math.min(pause * 2, LONGEST_RETRY_SECONDS);
    }
  }

  /** Follow one stream to its end; return {inOrder, why, retryAfterSeconds}. */
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

  /** `isFromNow`: the stream does not report earlier changes. */
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

  // --- the state

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

/** Return after the given seconds, or when `signal` is aborted. */
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
