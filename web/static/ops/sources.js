/** The sources of the answers of the last quarter of an hour, in steps of ten seconds. */

import { count, share, short } from "../figures.js";
import { Plot } from "../plot.js";
import { clock } from "./words.js";

const SOURCES = [
  { key: "cache", name: "Front cache", colour: "--series-1", pattern: "plain" },
  { key: "materialized_view", name: "Views", colour: "--series-5", pattern: "hatch" },
  { key: "database", name: "Base tables", colour: "--series-3", pattern: "lines" },
  { key: "stale", name: "Out of date", colour: "--series-2", pattern: "cross" },
];

export class Sources {
  constructor() {
    const series = SOURCES.map(({ key: _, ...one }) => ({ ...one, format: count }));
    this.plot = new Plot({ stacked: true, moving: true, first: "Ten seconds from", series, axes: { y: (value) => (Number.isInteger(value) ? short(value) : "") } });
    this.element = this.plot.element;
  }

  show({ history }, { timeZone }) {
    const steps = history.filter(({ complete }) => complete !== false);
    const totals = SOURCES.map(({ key }) => steps.reduce((sum, step) => sum + step[key], 0));
    const all = totals.reduce((sum, one) => sum + one, 0);
    const shares = totals.map((total) => `${count(total)}${all ? ` (${share(total / all)})` : ""}`);
    this.plot.show({
      labels: steps.map(({ at }) => clock(at, timeZone)),
      values: SOURCES.map(({ key }) => steps.map((step) => step[key])),
      totals: shares,
      summary: `Reads in steps of ten seconds over 15 minutes by who answered: ${SOURCES.map(({ name }, place) => `${shares[place]} ${name.toLowerCase()}`).join(", ")}.`,
    });
    return this.element;
  }
}
