/**
 * Requests to the JSON API, and where each answer came from.
 *
 * The browser's own cache is not used (`no-store`): it would answer a 304 with the old body as if it were new. This module
 * keeps the last body of each address and sends `If-None-Match` itself. With `no-store` a browser would also request an
 * exact read (`Cache-Control: no-cache`), so requests accept an answer of any age explicitly.
 */

import { parseExactly, writeExactly } from "./exact_json.js";
import { token } from "./token.js";

const kept = new Map();
const MOST_KEPT = 60;
export const SIGN_IN = "/api/v1/sign-in";
const LONGEST_SECONDS = 20; // Longer than the 15 s after which the server aborts a read.
const ANY_AGE = "max-age=31536000";

/** An error answer (RFC 9457), or a missing answer: `status` 0. */
export class Problem extends Error {
  constructor({ status = 0, detail = "", type = "about:blank", retryAfterSeconds = null, errors = [] }) {
    super(detail);
    Object.assign(this, { status, detail, type, retryAfterSeconds, errors });
  }
}

/**
 * Read an answer: `{data, meta, provenance}`.
 * @param {string} path with its query.
 * @throws {Problem}
 */
export async function read(path, { signal } = {}) {
  const { response, body } = await revalidated(path, signal);
  return { ...body, provenance: provenanceOf(response, body.meta) };
}

/** Return the JSON of an address that says by its entity tag whether it changed: the same object until it does. */
export async function readUnlessSame(path, { signal } = {}) {
  return (await revalidated(path, signal)).body;
}

async function revalidated(path, signal) {
  const before = kept.get(path);
  const { response, body } = await whole(path, { signal, headers: before ? { "If-None-Match": before.etag } : {} }, before?.body);
  kept.delete(path);
  kept.set(path, { etag: response.headers.get("ETag"), body });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return { response, body };
}

/** Return the JSON of an address that has no entity tag. */
export async function get(path, { signal } = {}) {
  return (await whole(path, { signal })).body;
}

/** Send JSON; return the answer. */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await whole(path, { method: "POST", headers, body: writeExactly(body) })).body;
}

/** Return a response and its JSON, or `unchanged` for a 304; a network that does not answer is a Problem, too. */
async function whole(path, { signal, ...rest }, unchanged) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), LONGEST_SECONDS * 1000);
  const either = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
  try {
    const response = await request(path, { signal: either, ...rest });
    return { response, body: response.status === 304 ? unchanged : await parsed(response) };
  } catch (error) {
    if (late.signal.aborted && !signal?.aborted) throw new Problem({ detail: "The server does not answer." });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Delete every kept answer, for example when another user signs in. */
export function forget() {
  kept.clear();
}

/**
 * Send a request with the token; return the response if it is not an error. The address is relative to the page's, which
 * may be below a path of a proxy.
 * @throws {Problem}
 */
export async function request(path, { headers = {}, ...rest } = {}) {
  if (!token() && path.startsWith("/api/v1/") && path !== SIGN_IN) throw new Problem({ status: 401 });
  const ours = { "Cache-Control": ANY_AGE, ...(token() ? { Authorization: `Bearer ${token()}` } : {}) };
  let response;
  try {
    response = await fetch(`.${path}`, { cache: "no-store", ...rest, headers: { ...ours, ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The server cannot be reached." });
  }
  if (response.ok || response.status === 304) return response;
  throw await problemOf(response);
}

async function parsed(response) {
  try {
    return parseExactly(await response.text());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The answer broke off." });
  }
}

async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Problem({
    status: response.status,
    type: problem.type,
    errors: problem.errors,
    detail: problem.detail || problem.title || `The server answered ${response.status}.`,
    retryAfterSeconds: Number.isNaN(seconds) ? null : seconds,
  });
}

/**
 * Return where an answer came from according to its headers, which a 304 has, too.
 * Source: `Cache-Status` (RFC 9211), `Age`, `Server-Timing`.
 */
function provenanceOf(response, meta) {
  const status = response.headers.get("Cache-Status") ?? "";
  const full = response.status !== 304;
  const seconds = full ? meta.age_seconds : Number(response.headers.get("Age") ?? 0);
  return {
    source: status.startsWith("frontview; hit") ? "cache" : (/detail="(\w+)/.exec(status)?.[1] ?? meta.source),
    patchedDays: Number(/patched=(\d+)/.exec(status)?.[1] ?? meta.patched_days),
    stale: full && meta.stale === true,
    calculatedAt: Date.now() - seconds * 1000,
    receivedAt: Date.now(),
    watermark: meta.watermark,
    milliseconds: Number(/total;dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "")?.[1] ?? Number.NaN),
  };
}
