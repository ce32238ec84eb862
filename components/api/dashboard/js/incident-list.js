// A list of incidents, newest first: each row a link to its page.

import { now } from "./api.js";
import { arrows, h, keyed } from "./dom.js";
import { agoRoughly, dateTime, duration, moment } from "./format.js";
import { badge, capital } from "./labels.js";
import { link } from "./route.js";

/** The list. `update(items, zone)` shows them; `isNarrow` is for a place at the side. */
export function incidentList({ empty, isNarrow = false, withService = true }) {
  const list = h("ol", { class: isNarrow ? "narrow" : null });
  const none = h("p", { class: "none muted" }, empty);
  none.hidden = true;
  arrows(list, "a.incident");

  const make = (incident) => {
    const { severity, type, service, state, opened_at: opened, explanation, silenced } = incident;
    const what = h("span", { class: "what" }, capital(type), withService ? ` · ${service || "no service"}` : null);
    const first = h("span", { class: "first" }, badge(severity));
    const states = h("span", { class: "when" }, silenced ? badge("silenced") : null, badge(state), since(incident));
    const why = h("span", { class: "why" }, explanation);
    return h(
      "li",
      null,
      h(
        "a",
        {
          class: "incident",
          href: link(["incidents", incident.id]),
          "data-testid": "incident-row",
          "data-id": incident.id,
          "data-service": service,
          "data-state": state,
          title: opened ? `Opened ${opened}` : null,
        },
        first,
        states,
        what,
        why,
      ),
    );
  };

  const update = (items, zone) => {
    // Ages are in the rows: they are written anew when the minute changes.
    const minute = Math.floor(now() / 60_000);
    keyed(list, items, (incident) => incident.id, make, `${zone} ${minute}`);
    none.hidden = items.length > 0;
  };

  const since = ({ opened_at: opened, resolved_at: resolved }) => {
    const [start, end] = [moment(opened), moment(resolved)];
    if (!start) return null;
    const lasted = end ? `lasted ${duration((end - start) / 1000)}` : agoRoughly(opened, now());
    return h("span", { class: "nowrap", title: dateTime(opened, "utc") }, lasted);
  };
  return { element: h("div", null, list, none), update };
}
