// The incidents: a list with filters. One of them is shown by its own view.

import { get, now } from "../api.js";
import { fill, h } from "../dom.js";
import { filters } from "../filters.js";
import { incidentList } from "../incident-list.js";
import { SEVERITIES, TYPES, words } from "../labels.js";
import { pages } from "../pages.js";
import { range, zoneOf } from "../route.js";
import { mount as mountOne } from "./incident.js";

const STATES = ["open", "acknowledged", "resolved"];

export function mount(place) {
  return place.state.path.length > 1 ? mountOne(place) : mountList(place);
}

function mountList({ root, app, state }) {
  const list = incidentList({ empty: "No incidents match." });
  const chosen = filters(app, [
    { name: "service", label: "Service" },
    { name: "type", label: "Type", options: TYPES.map((type) => [type, words(type)]) },
    { name: "state", label: "State", options: STATES },
    { name: "severity", label: "Severity", options: SEVERITIES },
  ]);
  const shown = pages("incidents", { size: 50, show: (items) => list.update(items, zoneOf(app.state)) });
  fill(
    root,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Incidents")),
    h("div", { class: "filters", role: "search", "aria-label": "Filter incidents" }, chosen.parts),
    h("section", { class: "card", "aria-label": "Incidents" }, list.element, shown.element),
  );

  const refresh = async (signal) => {
    const pick = (name) => app.state.query.get(name);
    // What is not over concerns whoever looks, however long ago it began.
    const isOver = !["open", "acknowledged"].includes(pick("state"));
    const { from, to } = isOver ? range(app.state, now()) : {};
    const query = {
      from,
      to,
      service: pick("service"),
      type: pick("type"),
      state: pick("state"),
      severity: pick("severity"),
    };
    const [, services] = await Promise.all([shown.refresh(query, signal), get("services", { limit: 1000 }, signal)]);
    chosen.offer(
      "service",
      services.items.map((item) => item.service_name),
    );
  };
  chosen.update(state);
  return { title: "Incidents", refresh, update: chosen.update };
}
