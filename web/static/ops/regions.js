/** The regions of the front caches of all workers together: how often they help, how fast, and how full they are. */

import { NONE, bytes, count } from "../figures.js";
import { bar } from "./marks.js";
import { Table } from "./table.js";
import { within } from "./words.js";

const COLUMNS = [
  { name: "Region", cell: ({ region }) => region },
  { name: "Hit ratio", cell: ({ hit_ratio: ratio }) => bar(ratio) },
  { name: "Cached, p50", number: true, cell: ({ cache }) => within(cache?.p50_ms, cache?.requests) },
  { name: "Cached, p99", number: true, cell: ({ cache }) => within(cache?.p99_ms, cache?.requests) },
  { name: "Computed, p50", number: true, cell: ({ computed }) => within(computed?.p50_ms, computed?.requests) },
  { name: "Computed, p99", number: true, cell: ({ computed }) => within(computed?.p99_ms, computed?.requests) },
  { name: "Entries", cell: ({ entries, max_entries: most }) => filled(entries, most, count) },
  { name: "Size", cell: ({ bytes: size, max_bytes: most }) => filled(size, most, bytes) },
  { name: "Reads since start", number: true, cell: ({ requests }) => count(requests) },
  { name: "Crowded out", number: true, cell: ({ evictions_by_reason: reasons }) => (reasons ? count((reasons.entries ?? 0) + (reasons.bytes ?? 0)) : NONE) },
];

export class Regions {
  constructor() {
    this.table = new Table({
      label: "Regions of the front cache",
      empty: "No worker has reported a region yet. It takes some seconds after the start.",
      columns: COLUMNS,
      key: ({ region }) => region,
      mark: ({ region }) => ({ "data-region": region }),
    });
  }

  show({ regions }) {
    return this.table.show(regions);
  }
}

function filled(part, most, show) {
  return most ? bar(part / most, `${show(part)} of ${show(most)}`, true) : show(part);
}
