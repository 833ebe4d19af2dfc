/** Parts of a form: a choice between options, each of which may have a field. */

import { h } from "../dom.js";

/**
 * Return a choice: {element, chosen}.
 * @param {string} name of the radio buttons.
 * @param {{value: string, label: string, field?: Element, help?: string}[]} options The first one is chosen at the beginning.
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

/** Return a user id for JSON: as a number if JSON numbers can hold it, otherwise as text. */
export function userKey(text) {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

/** Return the user ids in a text, separated by commas or spaces. */
export function userKeys(text) {
  return text.split(/[\s,;]+/).filter(Boolean).map(userKey);
}
