// Incidents of other keys that went wrong with one: the earliest first, for there the cause is looked for.

import { h } from "../dom.js";
import { dateTime, duration, moment } from "../format.js";
import { link } from "../route.js";

/** Rows for a list. */
export function related(incident, zone) {
  return (incident.related ?? []).map(({ incident_id: id, service, opened_at: opened }) =>
    h(
      "li",
      { "data-testid": "related-incident", "data-service": service },
      h("a", { href: link(["incidents", id]) }, service || "no service"),
      h("span", { class: "muted nowrap" }, dateTime(opened, zone)),
      h("span", null, apart(opened, incident.opened_at)),
    ),
  );
}

/** How long before or after this one it opened. */
export function apart(opened, own) {
  const seconds = (moment(opened) - moment(own)) / 1000;
  if (seconds === 0) return "at the same time";
  return seconds < 0 ? `${duration(-seconds)} before this one` : `${duration(seconds)} after this one`;
}
