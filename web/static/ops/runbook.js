/**
 * What may be wrong: what it means and what to do first. The runbook in docs/operations.md, which a browser cannot fetch,
 * has the same answers in more detail.
 */

export const RUNBOOK = {
  uncaptured: {
    title: "Changes of a table are not captured",
    meaning: "At each check every key is made stale, so reads stay right and are slower.",
    todo: "As the role that migrates: SELECT frontview.install_triggers('<source>'). If a logical replication subscription writes the table, drop that.",
  },
  rows_hidden: {
    title: "Row-level security hides rows",
    meaning: "Reads and refreshes of the table fail: an answer without those rows would be wrong.",
    todo: "Run one of the statements in the detail, as the owner of the table or as a superuser.",
  },
  capture_changed: {
    title: "Capture was changed",
    meaning: "Every key was made stale once, so reads stay right.",
    todo: "Nothing after a migration or an ATTACH or DETACH: it ends by itself after an hour. Otherwise find out who altered triggers.",
  },
  sealed_changed: {
    title: "Rows of sealed days changed",
    meaning: "Answers keep the numbers of these days as they were sealed; the change is counted and not applied.",
    todo: "Nothing if rows were deleted on purpose. Otherwise undo the change, or unseal the days while their rows are there.",
  },
  drop_refused: {
    title: "A retired declaration is not dropped",
    meaning: "Days of this view are sealed, which perhaps nothing else has. It goes on being captured and refreshed.",
    todo: "Run frontview unseal while the rows of these days are there, or take that declaration back.",
  },
  exactness: {
    title: "A read differed from its recomputation",
    meaning: "The user's keys have been made stale already, so the next read is right.",
    todo: "Run frontview audit --all, which marks every difference that it finds as stale. Then look for the cause: a tier refreshed manually, a deleted mark, a disabled trigger, now() or floats in the view's SELECT.",
  },
  refresh_failing: {
    title: "A refresh fails repeatedly",
    meaning: "Reads stay right and take more from the base tables.",
    todo: "The detail has the SQLSTATE. 57014: raise FRONTVIEW_REFRESH_TIMEOUT_SECONDS. 55P03: something holds a lock for long. 21000 or 23505: fix the view's key. 53100: the disk is full.",
  },
  notification_queue: {
    title: "The database's notification queue fills",
    meaning: "A session that listens has stopped reading. Frontview itself then finds changes by polling.",
    todo: "Find it with SELECT pid, application_name, query FROM pg_stat_activity WHERE query ILIKE 'listen%', and end it.",
  },
  audit_failing: {
    title: "The audit cannot compare",
    meaning: "Reads continue, but those of this view are not checked.",
    todo: "The detail has the SQLSTATE. 57014: one user's comparison takes too long. 42501: the role may not read a base table.",
  },
  no_leader: {
    title: "No refresher leads",
    meaning: "Every answer is exact, but computed for its request; the change log grows.",
    todo: "Start frontview refresher, or look at its log: the first line says why it does not start. If one runs and logs nothing, it hangs: end it and start another.",
  },
  refresher_silent: {
    title: "The refresher leads but does not drain",
    meaning: "Caches lose trust, so answers are exact and slower.",
    todo: "Look for drain_connection_lost in its log, and at the load of the database's machine. A stopped process keeps the lock: end it, and a standby takes over.",
  },
  drain_behind: {
    title: "The drain is behind",
    meaning: "More is written than one drain can process.",
    todo: "After a bulk write it passes by itself. If it stays: the database's load and disk, and autovacuum of frontview.change_log and frontview.stale_key.",
  },
  untrusted: {
    title: "Workers that do not trust their cache",
    meaning: "They compute every answer: exact, but slower.",
    todo: "If all workers report it, the drain has stopped. If one does, check its connection to the database and its processor time; feed_lost in its log says which.",
  },
  worker_silent: {
    title: "Workers that no longer report",
    meaning: "Stopped, hanging, or just replaced; they cannot answer with old data.",
    todo: "If one still lives, end it: the server starts another. A worker that has ended disappears from here after a minute.",
  },
  violations: {
    title: "The audit has found differences",
    meaning: "They were corrected when they were found; no alarm about them is raised now.",
    todo: "Look for exactness_violated in the log of the refresher for when and why.",
  },
  stale_answers: {
    title: "Answers past their trust are served",
    meaning: "The database could not be read, and a setting or the client allows old answers, which say that they are old.",
    todo: "Look at /readyz and at the database: the cause may be the connection, locks, or the schema.",
  },
  unpopulated: {
    title: "A tier has no contents",
    meaning: "Its days are read from the base tables: exact, but slower.",
    todo: "A new view, or a restore without data: the refresher fills it as soon as it can. If it stays, look at the refresh history for failures.",
  },
};

const UNKNOWN = { title: "An alarm is raised", meaning: "", todo: "Look at the detail, and at the log of the refresher." };

/** Return the texts about a kind of trouble, also for one that this page does not know. */
export function answerTo(kind) {
  return RUNBOOK[kind] ?? { ...UNKNOWN, title: `Alarm: ${kind}` };
}
