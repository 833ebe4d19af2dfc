/**
 * A panel of a page: its skeleton gives way to its numbers; a fault is said in it, and the numbers before it stay, marked.
 */

import { byId, h } from "./dom.js";
import { showProvenance } from "./provenance.js";

const CHANGED_MS = 1600;

export class Panel {
  #hasFailed = false;
  #isOld = false;

  /** @param {string} id of its section in the page. */
  constructor(id) {
    this.section = byId(id);
    this.body = this.section.querySelector(".panel-body");
    this.fault = this.section.querySelector(".panel-fault");
  }

  /** Show content, which the panel keeps and changes, and where its numbers came from. */
  show(content, provenance, timeZone) {
    if (content.parentNode !== this.body) this.body.replaceChildren(content);
    if (provenance) showProvenance(this.section.querySelector(".provenance"), provenance, timeZone);
    this.section.setAttribute("aria-busy", "false");
    this.fault.hidden = true;
    this.#hasFailed = false;
    this.#mark();
  }

  /** Mark the numbers as those of before, or take the mark away. */
  markOld(isOld) {
    this.#isOld = isOld;
    this.#mark();
  }

  /** Say what is wrong and what to do; `retry` is what the button does. */
  fail(detail, retry) {
    this.section.setAttribute("aria-busy", "false");
    this.fault.hidden = false;
    this.#hasFailed = true;
    this.#mark();
    const text = this.#isEmpty() ? detail : `${detail} These are the numbers from before.`;
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

/** Put text into an element and mark for a moment that it changed. */
export function setText(element, text) {
  if (element.textContent === text) return;
  const isFirst = element.textContent === "";
  element.textContent = text;
  if (isFirst) return;
  element.classList.remove("changed");
  void element.offsetWidth; // so that the mark starts anew
  element.classList.add("changed");
  setTimeout(() => element.classList.remove("changed"), CHANGED_MS);
}
