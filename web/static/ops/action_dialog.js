/**
 * A dialog that says in one sentence what an action will do, asks for confirmation, and shows the outcome.
 *
 * Closing it does not stop a running action: its outcome is then shown on the page, and the dialog can be opened again.
 */

import { Problem } from "../api.js";
import { h } from "../dom.js";
import { faultsOf } from "./faults.js";

/**
 * @typedef {{id: string, title: string, confirm: string, fields: Element[], names: Object<string, string>,
 *   fault: function(): string, effect: function(): string, send: function(function(string): void): Promise<Outcome>}} Action
 *   `fault`: what is wrong with the fields, or nothing; `effect`: the sentence; `send` gets a function that shows progress.
 * @typedef {{level: "good"|"bad"|"busy"|"plain", text: string}} Outcome
 */
export class ActionDialog {
  #action;
  #run = 0;

  /** @param {{onOutcome: function(string, Outcome): void, onSignedOut: function(string): void}} page How the page shows outcomes. */
  constructor(action, page) {
    this.#action = action;
    this.page = page;
    const { id, title, confirm, fields } = action;
    this.effect = h("p", { class: "effect", id: `${id}-effect` });
    this.fault = h("div", { class: "fault", role: "alert" });
    this.outcome = h("p", { class: "state outcome-line", role: "status" });
    this.fields = h("fieldset", { class: "fields" }, h("legend", { class: "hidden" }, title), ...fields);
    this.confirm = h("button", { type: "submit", class: "primary" }, confirm);
    this.cancel = h("button", { type: "button", onclick: () => this.element.close() }, "Cancel");
    this.form = h(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event), oninput: () => this.#say(), onchange: () => this.#say() },
      h("h2", { id: `${id}-title` }, title),
      this.fields,
      this.effect,
      this.fault,
      this.outcome,
      h("div", { class: "buttons" }, this.cancel, this.confirm),
    );
    this.element = h("dialog", { id, class: "action", "data-action-dialog": action.kind, "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-effect` }, this.form);
    document.body.append(this.element);
  }

  /** Open it, ready to be sent. */
  open() {
    this.#run += 1;
    this.#setBusy(false);
    this.#tell("plain", "");
    this.fault.replaceChildren();
    this.confirm.hidden = false;
    this.#say();
    this.element.showModal();
  }

  #say() {
    const fault = this.#action.fault();
    this.effect.textContent = this.#action.effect();
    if (!fault) this.fault.replaceChildren();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.fields.disabled) return;
    const fault = this.#action.fault();
    if (fault) return this.#refuse([fault]);
    const run = (this.#run += 1);
    this.fault.replaceChildren();
    this.#setBusy(true);
    this.cancel.focus();
    this.#tell("busy", "Asking …");
    try {
      this.#end(run, await this.#action.send((text) => run === this.#run && this.#tell("busy", text)));
    } catch (problem) {
      this.#fail(run, problem);
    }
  }

  #fail(run, problem) {
    if (!(problem instanceof Problem)) {
      this.#end(run, { level: "bad", text: "Something went wrong in this page. Reload it." });
      throw problem;
    }
    if (problem.status === 401) return this.page.onSignedOut(problem.detail);
    const faults = faultsOf(problem, this.#action.names);
    if (run !== this.#run || !this.element.open) return this.page.onOutcome(this.#action.kind, { level: "bad", text: faults.join(" ") });
    this.#setBusy(false);
    this.#tell("bad", "");
    this.#refuse(faults);
  }

  #refuse(faults) {
    this.fault.replaceChildren(...faults.map((text) => h("p", {}, text)));
    const chosen = this.fields.querySelector(".option:has([type=radio]:checked) > :is(input, select, textarea)");
    (chosen ?? this.fields.querySelector("input:checked, select"))?.focus();
  }

  /** Show the outcome here, and on the page, where it stays when the dialog is closed. */
  #end(run, outcome) {
    this.page.onOutcome(this.#action.kind, outcome);
    if (run !== this.#run) return;
    this.#tell(outcome.level, outcome.text);
    this.confirm.hidden = true;
    this.cancel.textContent = "Close";
  }

  #tell(level, text) {
    this.outcome.textContent = text;
    this.outcome.hidden = !text;
    this.outcome.dataset.level = level;
    this.outcome.dataset.outcome = { good: "done", bad: "failed", busy: "running" }[level] ?? "none";
  }

  #setBusy(busy) {
    this.fields.disabled = busy;
    this.confirm.disabled = busy;
    this.cancel.textContent = busy ? "Close" : "Cancel";
  }
}
