/** The two charts over time: calls by outcome, leads and conversion. */

import { count, day, minus, month, share, short } from "../figures.js";
import { Plot } from "../plot.js";
import { OUTCOMES } from "./outcomes.js";

/** Return the chart of calls, which shows the data of `/api/v1/dashboard/analytics`. */
export function callsPlot() {
  return new Plot({
    stacked: true,
    first: "Period",
    series: OUTCOMES.map(({ key: _, ...series }) => ({ ...series, format: count })),
    axes: { y: short },
  });
}

export function showCalls(plot, { granularity, series, totals }) {
  plot.show({
    labels: labels(series, granularity),
    values: OUTCOMES.map(({ key }) => series.map((entry) => entry[key])),
    summary: `Calls by ${granularity}: ${count(totals.calls)} in all, ${OUTCOMES.map(({ key, name }) => `${count(totals[key])} ${name.toLowerCase()}`).join(", ")}.`,
  });
}

/** Return the chart of leads, which shows the same data. */
export function leadsPlot() {
  return new Plot({
    stacked: true,
    first: "Period",
    series: [
      { name: "Converted leads", colour: "--series-1", format: count },
      { name: "Other leads", colour: "--series-5", pattern: "dots", format: count },
      { name: "Conversion", colour: "--series-2", line: true, axis: "share", format: share },
    ],
    axes: { y: short, share },
  });
}

export function showLeads(plot, { granularity, series, totals }) {
  plot.show({
    labels: labels(series, granularity),
    values: [
      series.map(({ converted }) => converted),
      series.map(({ leads, converted }) => minus(leads, converted)),
      series.map(({ leads, converted }) => (leads ? Number(converted) / Number(leads) : null)),
    ],
    summary: `Leads by ${granularity}: ${count(totals.leads)} leads, ${count(totals.converted)} of them converted.`,
  });
}

function labels(series, granularity) {
  if (granularity === "month") return series.map(({ period_start: start }) => month(start));
  const years = new Set(series.map(({ period_start: start }) => start.slice(0, 4)));
  return series.map(({ period_start: start }) => day(start, { year: years.size > 1 }));
}
