/**
 * A panel of a page: its numbers replace its skeleton; after a fault it shows the fault and marks the earlier numbers.
 */

import { byId, h } from "./dom.js";
import { showProvenance } from "./provenance.js";

const CHANGED_MS = 1600;

export class Panel {
  #hasFailed = false;
  #isOld = false;

  /** @param {string|Element} section The panel's section in the page, or its id. */
  constructor(section) {
    this.section = typeof section === "string" ? byId(section) : section;
    this.body = this.section.querySelector(".panel-body");
    this.fault = this.section.querySelector(".panel-fault");
  }

  /** Show content, which later updates change in place, and where its numbers came from. */
  show(content, provenance, timeZone) {
    if (content.parentNode !== this.body) this.body.replaceChildren(content);
    if (provenance) showProvenance(this.section.querySelector(".provenance"), provenance, timeZone);
    this.section.setAttribute("aria-busy", "false");
    this.fault.hidden = true;
    this.#hasFailed = false;
    this.#mark();
  }

  /** Mark the numbers as outdated, or remove the mark. */
  markOld(isOld) {
    this.#isOld = isOld;
    this.#mark();
  }

  /** Show what is wrong and what to do; the button calls `retry`. */
  fail(detail, retry) {
    this.section.setAttribute("aria-busy", "false");
    this.fault.hidden = false;
    this.#hasFailed = true;
    this.#mark();
    const text = this.#isEmpty() ? detail : `${detail} These are the earlier numbers.`;
    if (this.fault.dataset.text === text) return;
    this.fault.dataset.text = text;
    this.fault.replaceChildren(text, " ", h("button", { type: "button", onclick: retry }, "Try again"));
  }

  #isEmpty() {
    return this.body.querySelector(".skeleton") !== null;
  }

  #mark() {
    this.section.classList.toggle("outdated", (this.#hasFailed || this.#isOld) && !this.#isEmpty());
    this.section.classList.toggle("empty", this.#hasFailed && this.#isEmpty());
  }
}

/** Set an element's text and mark the change for a moment. */
export function setText(element, text) {
  if (element.textContent === text) return;
  const isFirst = element.textContent === "";
  element.textContent = text;
  if (isFirst) return;
  element.classList.remove("changed");
  void element.offsetWidth; // Restarts the animation of the mark.
  element.classList.add("changed");
  setTimeout(() => element.classList.remove("changed"), CHANGED_MS);
}
