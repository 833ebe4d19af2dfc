/** The controls above the panels, made for what a dashboard heeds; they show and change the address. */

import { byId, h } from "../dom.js";
import { nameOf } from "../measures.js";
import { faultOfDates, granularityOf, rangesOf, suits } from "./address.js";

let form = null;

/** Make the controls of a dashboard; `onChange` gets the parts of the address that change. */
export function makeControls(dashboard, onChange) {
  const days = rangesOf(dashboard).map((count) => [`${count}d`, count === 365 ? "1 year" : `${count} days`]);
  const ranges = days.length ? [segments("range", "Range", [...days, ["custom", "Dates"]]), datesOf()] : [];
  const granularities = dashboard.granularities.map((name) => [name, nameOf(name)]);
  form = h("form", { class: "controls", id: "controls", "aria-label": "What is shown" }, ranges, granularities.length > 0 && segments("granularity", "By", granularities), h("div", { class: "filters", id: "filters" }));
  form.addEventListener("change", ({ target }) => follow(target, dashboard, onChange));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (days.length) showDates(dashboard, onChange);
  });
  byId("controls").replaceWith(form);
}

/** Make the controls show a question. */
export function showControls(question) {
  const { range, granularity } = form.elements;
  if (granularity) {
    granularity.value = granularityOf(question);
    for (const input of granularity) input.disabled = !suits(input.value, question.days) && !input.checked;
  }
  if (!range) return;
  range.value = question.range;
  byId("dates").hidden = question.range !== "custom";
  byId("dates-fault").textContent = "";
  if (question.range === "custom") offer(question);
}

/** Make "Dates" start with the days that are shown unless the user has chosen some. */
export function offerDates(days) {
  if (form.elements.range && days.from && byId("dates").hidden) offer(days);
}

function offer({ from, to }) {
  [form.elements.from.value, form.elements.to.value] = [from, to];
}

function follow(target, dashboard, onChange) {
  if (target.name === "granularity") onChange({ granularity: target.value });
  if (target.name !== "range") return;
  if (target.value !== "custom") {
    const isUsual = target.value === `${dashboard.default_days}d`;
    return onChange({ range: isUsual ? null : target.value, from: null, to: null, granularity: null });
  }
  byId("dates").hidden = false;
  form.elements.from.focus();
}

function showDates(dashboard, onChange) {
  const [from, to] = [form.elements.from.value, form.elements.to.value];
  const fault = faultOfDates(from, to, dashboard);
  byId("dates-fault").textContent = fault;
  if (!fault) onChange({ range: null, from, to, granularity: null });
}

function segments(name, legend, choices) {
  const choice = ([value, text]) => h("label", {}, h("input", { type: "radio", name, value }), h("span", {}, text));
  return h("fieldset", { class: "segments", id: name }, h("legend", {}, legend), choices.map(choice));
}

function datesOf() {
  return h(
    "div",
    { class: "dates", id: "dates", hidden: true },
    h("label", {}, "From ", h("input", { type: "date", name: "from" })),
    h("label", {}, "To ", h("input", { type: "date", name: "to" })),
    h("button", { type: "submit" }, "Show"),
    h("p", { class: "fault", id: "dates-fault", role: "alert" }),
  );
}
