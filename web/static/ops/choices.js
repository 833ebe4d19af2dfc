/** Parts of a form: a choice between options, each of which may have a field. */

import { h } from "../dom.js";

/**
 * Return a choice: {element, chosen}.
 * @param {string} name of the radio buttons.
 * @param {{value: string, label: string, field?: Element, help?: string|Element}[]} options The first one is chosen at the beginning.
 */
export function choice(name, legend, options) {
  const rows = options.map(({ value, label, field, help }, place) => {
    const [radio, id] = [h("input", { type: "radio", name, value, checked: place === 0 }), `${name}-${value}`];
    const more = help && h("p", { class: "help", id: `${id}-help` }, help);
    if (field) {
      field.id = id;
      field.setAttribute("aria-label", label);
      if (more) field.setAttribute("aria-describedby", `${id}-help`);
      field.addEventListener("focus", () => choose(radio));
    }
    return h("div", { class: "option" }, h("label", {}, radio, h("span", {}, label)), field, more);
  });
  const element = h("div", { class: "choice", role: "radiogroup", "aria-label": legend }, ...rows);
  return {
    element,
    get chosen() {
      return element.querySelector("input[type=radio]:checked").value;
    },
  };
}

function choose(radio) {
  if (radio.checked) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Set the options of a select; keep the chosen value if it is still among them. */
export function offer(select, values) {
  if (values.length === select.options.length && values.every((value, place) => value === select.options[place].value)) return;
  const before = select.value;
  select.replaceChildren(...values.map((value) => h("option", { value }, value)));
  if (values.includes(before)) select.value = before;
}

/** What lies between user ids in a text. Ids that are texts may have commas and spaces in them, but no line breaks. */
const BETWEEN = { text: /\n/, integer: /[\s,;]+/, uuid: /[\s,;]+/ };
const HELP = { text: "User ids, each on a line of its own.", integer: "User ids, with commas, spaces or line breaks between them." };

/**
 * Return a user id for JSON; what is none is left for the server to refuse.
 * @param {string} kind What ids are in this application: `integer`, `uuid` or `text`.
 */
export function userKey(text, kind) {
  const trimmed = text.trim();
  if (kind !== "integer" || !/^\d+$/.test(trimmed)) return trimmed;
  return Number.isSafeInteger(Number(trimmed)) ? Number(trimmed) : BigInt(trimmed);
}

/** Return the user ids in a text. */
export function userKeys(text, kind) {
  return text.split(BETWEEN[kind]).map((part) => userKey(part, kind)).filter((key) => key !== "");
}

/** Return how to write several user ids. */
export function helpWithKeys(kind) {
  return HELP[kind] ?? HELP.integer;
}
