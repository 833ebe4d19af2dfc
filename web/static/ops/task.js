/** Follows a task of an operator to its end. */

import { Problem, get } from "../api.js";

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 2000;
const PATIENCE_MS = 600_000;

/**
 * Return a task once it has ended; null: it takes too long, or the server does not know it.
 * @param {string} path The address of the task.
 * @param {function(Object): void} onState Called with each state before the end.
 * @throws {Problem} 401 and other refusals; while the server is unreachable, the request is repeated.
 */
export async function ended(path, onState) {
  const until = Date.now() + PATIENCE_MS;
  for (let pause = FIRST_PAUSE_MS; Date.now() < until; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    try {
      const task = await get(path);
      if (task.state === "ended") return task;
      onState(task);
    } catch (problem) {
      if (!(problem instanceof Problem) || (problem.status >= 400 && problem.status < 500 && problem.status !== 429)) throw problem;
      pause = Math.max(pause, (problem.retryAfterSeconds ?? 1) * 1000);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return null;
}
