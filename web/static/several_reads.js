/** Several reads as one, for {@link Live}: a page is as old as the oldest of them, and complete if none failed. */

import { application } from "./application.js";
import { h } from "./dom.js";
import { notice } from "./live_state.js";

/**
 * Return {watermark, complete} once all reads have ended.
 * @param {Promise<string>[]} reads Each returns the watermark of its answer.
 * @param {string} own The address of the caller's own dashboard, for a caller who may not read this one.
 * @throws {Problem} the caller may not read this, or is signed out, or every read failed.
 */
export async function together(reads, signal, own) {
  const outcomes = await Promise.allSettled(reads);
  signal.throwIfAborted();
  const problems = outcomes.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
  const forbidden = problems.find(({ status }) => status === 403);
  await showWhose(forbidden, own);
  const serious = forbidden ?? problems.find(({ status }) => status === 401) ?? (problems.length === reads.length && problems[0]);
  if (serious) throw serious;
  const watermarks = outcomes.map(({ value }) => value).filter(Boolean);
  return { watermark: watermarks.sort(olderFirst)[0] ?? null, complete: problems.length === 0 };
}

/** Say that the address is of another user's dashboard, which the token does not allow to read. */
async function showWhose(problem, own) {
  document.querySelector(".grid").hidden = Boolean(problem);
  if (!problem) return notice("not-yours", "");
  const { caller } = await application();
  const text = `This link is of another user's dashboard. You are signed in as user ${caller.id}, who may not read it.`;
  return notice("not-yours", text, "bad", h("a", { href: own }, "Show your own dashboard"));
}

function olderFirst(one, other) {
  const [a, b] = [one, other].map((watermark) => watermark.split("-").map(Number));
  return a[0] - b[0] || a[1] - b[1];
}
