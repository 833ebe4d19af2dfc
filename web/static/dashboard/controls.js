/** The controls above the panels, which show and change the address. */

import { byId } from "../dom.js";
import { daysOf, faultOfDates, granularityOf } from "./question.js";

/** Make the controls show a question. `period`: the days that are shown, if known; "Dates" starts with them. */
export function showControls(question, period) {
  const form = byId("controls");
  form.elements.range.value = question.range;
  form.elements.granularity.value = granularityOf(question);
  byId("dates").hidden = question.range !== "custom";
  byId("dates-fault").textContent = "";
  form.elements.from.value = question.from ?? period?.from ?? "";
  form.elements.to.value = question.to ?? period?.to ?? "";
  const days = daysOf(question);
  for (const input of form.elements.granularity) input.disabled = input.value === "month" && days < 28 && !input.checked;
}

/** Make "Dates" start with these days unless the user has chosen some. */
export function offerDates({ from, to }) {
  const form = byId("controls");
  if (byId("dates").hidden) [form.elements.from.value, form.elements.to.value] = [from, to];
}

/** Call `onChange` with the changed parts of the question. */
export function followControls(onChange) {
  const form = byId("controls");
  form.addEventListener("change", ({ target }) => {
    if (target.name === "granularity") onChange({ granularity: target.value });
    if (target.name !== "range") return;
    if (target.value !== "custom") return onChange({ range: target.value, from: null, to: null, granularity: null });
    byId("dates").hidden = false;
    form.elements.from.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = [form.elements.from.value, form.elements.to.value];
    const fault = faultOfDates(from, to);
    byId("dates-fault").textContent = fault;
    if (!fault) onChange({ range: "custom", from, to, granularity: null });
  });
}
