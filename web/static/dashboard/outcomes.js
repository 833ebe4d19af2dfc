/** The outcomes of a call: their names, and how they are drawn. */

export const OUTCOMES = [
  { key: "completed", name: "Completed", colour: "--series-1", pattern: "plain" },
  { key: "failed", name: "Failed", colour: "--series-2", pattern: "hatch" },
  { key: "no_answer", name: "No answer", colour: "--series-3", pattern: "lines" },
  { key: "busy", name: "Busy", colour: "--series-4", pattern: "dots" },
  { key: "in_progress", name: "In progress", colour: "--series-5", pattern: "cross" },
];
