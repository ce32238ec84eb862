// What admins did, newest first.

import { fill, h } from "../dom.js";
import { dateTime } from "../format.js";
import { pages } from "../pages.js";
import { zoneOf } from "../route.js";
import { table } from "../table.js";

export function mount({ root, app }) {
  const zone = () => zoneOf(app.state);
  const columns = [
    { name: "at", label: "Time", cell: ({ at }) => dateTime(at, zone()) },
    { name: "who", label: "Who", cell: ({ who }) => who || "–" },
    { name: "action", label: "Action", cell: ({ action }) => action || "–" },
    { name: "target", label: "On", isWrapped: true, cell: ({ target }) => target || "–" },
    { name: "outcome", label: "Outcome", cell: ({ outcome }) => outcome || "–" },
    { name: "peer", label: "From", cell: ({ peer }) => peer || "–" },
  ];
  const key = ({ at, who, action, target }) => `${at} ${who} ${action} ${target}`;
  const view = table({ label: "Audit log", columns, key, empty: "Nothing yet." });
  const shown = pages("audit", { size: 50, show: (items) => view.update(items, { context: zone() }) });
  fill(
    root,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Audit log")),
    h("section", { class: "card", "aria-label": "Audit log" }, view.element, shown.element),
  );
  return { title: "Audit log", refresh: (signal) => shown.refresh({}, signal), period: () => 10_000 };
}
