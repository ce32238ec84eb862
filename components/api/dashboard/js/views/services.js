// The table of services, with sparklines.

import { now } from "../api.js";
import { fill, h, say } from "../dom.js";
import { ago, figure, percent, rate, short } from "../format.js";
import { badge } from "../labels.js";
import { link } from "../route.js";
import { sparks } from "../spark.js";
import { table } from "../table.js";

/** The card with the table. */
export function services(app) {
  const lines = sparks();
  let all = [];
  let sort = null;

  const name = ({ service_name: service }) =>
    service ? h("a", { class: "service", href: link(["services", service]) }, service) : "(no name)";
  const columns = [
    { name: "service", label: "Service", cell: name, sort: (item) => item.service_name },
    {
      name: "state",
      label: "State",
      cell: ({ state, open_incidents: open }) => badge(state, state === "alarm" ? `${open || ""} open`.trim() : "ok"),
      sort: (item) => item.open_incidents,
    },
    {
      name: "throughput",
      label: "Logs/s",
      isNumber: true,
      cell: (item) => [lines.of(item.service_name, "logs"), h("span", null, rate(item.throughput))],
      sort: (item) => item.throughput,
    },
    {
      name: "errors",
      label: "Error rate",
      isNumber: true,
      cell: (item) => percent(item.error_rate),
      sort: (item) => item.error_rate,
    },
    {
      name: "latency",
      label: "Response time",
      isNumber: true,
      cell: (item) => [lines.of(item.service_name, "latency"), h("span", null, figure(item.avg_response_time, "ms"))],
      sort: (item) => item.avg_response_time,
    },
    {
      name: "logs",
      label: "Logs",
      isNumber: true,
      cell: (item) => short(item.total_logs),
      sort: (item) => item.total_logs,
    },
    {
      name: "seen",
      label: "Last seen",
      isNumber: true,
      cell: (item) => ago(item.last_seen, now()),
      sort: (item) => item.last_seen,
    },
  ];
  const view = table({
    label: "Services",
    columns,
    key: (item) => item.service_name,
    row: (item) => ({
      "data-testid": "service-row",
      "data-service": item.service_name,
      "data-total-logs": item.total_logs,
      "data-state": item.state,
    }),
    empty: "No service has sent a log yet.",
    onSort: (next) => app.set({ sort: next }, true),
  });
  const count = h("span", { class: "muted" });
  const left = h("span", { class: "muted end" });
  const element = h(
    "section",
    { class: "card", "aria-labelledby": "services" },
    h("header", null, h("h2", { id: "services" }, "Services"), count, left),
    view.element,
  );

  const show = () => {
    // Without a choice: alarms first, then by name.
    const first = (item) => (item.state === "alarm" ? 0 : 1);
    const usual = [...all].sort((a, b) => first(a) - first(b) || a.service_name.localeCompare(b.service_name));
    view.update(usual, { sort });
    fill(count, all.length ? String(all.length) : null);
  };
  const update = (items, range, age) => {
    all = items;
    show();
    lines.refresh(range, age);
  };
  const sorted = (state) => {
    sort = state.query.get("sort");
    show();
  };
  const leftOut = (logs) => say(left, logs ? `${short(logs)} logs were counted, but not indexed` : "");
  return { element, update, sorted, leftOut, close: lines.close };
}
