/** The leader, and the standbys that can take over. */

import { NONE, age, count } from "../figures.js";
import { state } from "./marks.js";
import { Table } from "./table.js";
import { h } from "../dom.js";

export class Refreshers {
  constructor() {
    this.table = new Table({
      label: "Refreshers",
      empty: "No refresher is connected. Start one with frontview refresher; until then answers are exact but slower.",
      columns: [
        { name: "Database session", cell: ({ pid }) => String(pid) },
        { name: "Does", cell: ({ leads }) => (leads ? state("good", "leads") : state("plain", "stands by")) },
        { name: "From", cell: ({ address, application_name: name }) => address ?? (name ? "this machine" : NONE) },
        { name: "For", number: true, cell: ({ connected_seconds: seconds }) => age(seconds) },
      ],
      key: ({ pid, leads }) => `${pid} ${leads}`,
      mark: ({ pid, leads }) => ({ "data-refresher": pid, "data-leads": String(leads) }),
    });
    this.remark = h("p", { class: "soft remark" });
    this.element = h("div", {}, this.table.element, this.remark);
  }

  show({ leader, standbys = [], connections = [] }) {
    this.table.show([...(leader ? [{ ...leader, leads: true }] : []), ...standbys.map((one) => ({ ...one, leads: false }))]);
    const sessions = connections.reduce((sum, one) => sum + one.connections, 0);
    const alone = leader && !standbys.length ? "Nobody stands by: if this process ends, nothing drains until another is started. " : "";
    this.remark.textContent = `${alone}Frontview has ${count(sessions)} sessions in the database.`;
    return this.element;
  }
}
