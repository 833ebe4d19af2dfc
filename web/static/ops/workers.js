/** Every web process that sent a report within the last minute. */

import { NONE, age, bytes, count, decimal } from "../figures.js";
import { isSilent, nameOf } from "./attention.js";
import { bar, state } from "./marks.js";
import { Table } from "./table.js";
import { ago, lag } from "./words.js";

const COLUMNS = [
  { name: "Worker", cell: nameOf },
  { name: "Cache", cell: condition },
  { name: "Hit ratio", cell: ({ hit_ratio: ratio }) => bar(ratio) },
  { name: "Reads a second", number: true, cell: ({ reads_per_second: rate }) => decimal(rate) },
  { name: "Memory", number: true, cell: ({ memory_bytes: size }) => bytes(size) },
  { name: "Feed lag", number: true, cell: ({ feed_lag_seconds: seconds }) => lag(seconds) },
  { name: "Live pages", number: true, cell: ({ event_streams: streams }) => count(streams) },
  { name: "Up for", number: true, cell: ({ uptime_seconds: seconds }) => age(seconds) },
  { name: "Reported", number: true, cell: ({ seen_seconds_ago: seconds }) => ago(seconds) },
];

export class Workers {
  constructor() {
    this.table = new Table({
      label: "Workers",
      empty: "No worker has sent a report within the last minute.",
      columns: COLUMNS,
      key: (worker) => worker.worker_id ?? nameOf(worker),
      mark: ({ worker_id: id }) => ({ "data-worker": id }),
    });
  }

  show({ workers }) {
    return this.table.show(workers);
  }
}

function condition(worker) {
  if (isSilent(worker)) return state("bad", "silent");
  if (worker.trusted === undefined) return NONE;
  if (worker.connected === false) return state("bad", "no feed");
  return worker.trusted ? state("good", "trusted") : state("warn", "not trusted");
}
