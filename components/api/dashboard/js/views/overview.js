// The overview: the figures of now, the services, and the incidents that are not over.

import { get, now } from "../api.js";
import { fill, h, say } from "../dom.js";
import { duration, NONE, percent, rate, short } from "../format.js";
import { sign } from "../icons.js";
import { incidentList } from "../incident-list.js";
import { link, period, range, zoneOf } from "../route.js";
import { services } from "./services.js";

const INCIDENTS = 12;
// The API gives no longer page.
const MOST = 1000;

export function mount({ root, app, state }) {
  const tiles = [
    tile("tile-throughput", "Events per second", link(["logs"])),
    tile("tile-error-rate", "Error rate", link(["logs"], { level: "ERROR" })),
    tile("tile-anomalies", "Anomalies", link(["incidents"])),
    tile("tile-incidents", "Open incidents", link(["incidents"], { state: "open" })),
    tile("tile-lag", "Lag", link(["pipelines"])),
    tile("tile-pipelines", "Pipelines", link(["pipelines"])),
  ];
  const [throughput, errors, anomalies, open, lag, pipelines] = tiles;
  const list = incidentList({ empty: "No incidents in this range.", isNarrow: true });
  const table = services(app);
  fill(
    root,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Overview")),
    h(
      "section",
      { class: "tiles", "aria-label": "Now" },
      tiles.map((tile) => tile.element),
    ),
    h(
      "div",
      { class: "columns" },
      table.element,
      h(
        "section",
        { class: "card", "aria-labelledby": "open-incidents" },
        h(
          "header",
          null,
          h("h2", { id: "open-incidents" }, "Incidents"),
          h("div", { class: "actions" }, h("a", { href: link(["incidents"]) }, "All incidents")),
        ),
        list.element,
      ),
    ),
  );

  const metrics = (values) => {
    throughput.set(values.throughput, rate(values.throughput), `${short(values.total_logs)} logs in all`);
    errors.set(values.error_rate, percent(values.error_rate), `${short(values.error_logs)} errors in all`);
    anomalies.set(values.anomalies_detected, short(values.anomalies_detected), "detected in all");
    const count = values.open_incidents;
    open.set(
      count,
      short(count),
      ...(count ? ["need a look", "critical", "diamond"] : ["nothing to do", "ok", "check"]),
    );
    if (count === null || count === undefined) open.set(null, NONE, "");
    table.leftOut(values.left_out_logs);
    lag.set(values.lag_seconds, duration(values.lag_seconds), "of the newest event");
  };

  const health = (graph) => {
    const all = graph.pipelines;
    const bad = all.filter((pipeline) => pipeline.state !== "ok");
    const text = all.length ? `${all.length - bad.length} of ${all.length} ok` : NONE;
    const worst = bad.map((pipeline) => `${pipeline.id} ${pipeline.state}`).join(", ");
    const troubled = all.filter(({ components = [] }) => components.some(({ trouble }) => trouble));
    if (bad.length) pipelines.set(bad.length, text, worst, "critical", "diamond");
    else if (troubled.length) pipelines.set(0, text, "a component has trouble", "warning", "triangle");
    else pipelines.set(0, text, all.length ? "all run" : "none", all.length ? "ok" : "", all.length ? "check" : null);
  };

  const refresh = async (signal) => {
    const seen = range(app.state, now());
    const page = (which) => get("incidents", { ...which, limit: INCIDENTS }, signal);
    const [totals, all, graph, ...incidents] = await Promise.all([
      get("metrics", {}, signal),
      get("services", { limit: MOST }, signal),
      get("pipelines", {}, signal),
      page({ state: "open" }),
      page({ state: "acknowledged" }),
      page({ state: "resolved", from: seen.from, to: seen.to }),
    ]);
    app.metrics = totals;
    metrics(totals);
    health(graph);
    table.update(all.items, seen, period(app.state));
    // What is not over comes first.
    const order = (one, other) =>
      (one.state === "resolved") - (other.state === "resolved") || other.opened_at.localeCompare(one.opened_at);
    const items = incidents.flatMap((page) => page.items).sort(order);
    list.update(items.slice(0, INCIDENTS), zoneOf(app.state));
  };

  if (app.metrics) metrics(app.metrics);
  table.sorted(state);
  return { title: "Overview", metrics, refresh, update: table.sorted, close: table.close };
}

function tile(testid, label, href) {
  const value = h("span", { class: "value" }, NONE);
  const more = h("span", { class: "more" }, " ");
  const element = h(
    "a",
    { class: "tile", href, "data-testid": testid },
    h("span", { class: "label" }, label),
    value,
    more,
  );
  /** Shows a value (its number also as `data-value`), and a line below it in a tone with a sign. */
  const set = (number, text, words, tone = "", shape = null) => {
    say(value, text);
    element.dataset.value = number ?? "";
    const print = words + tone + shape;
    if (more.dataset.print === print) return;
    more.dataset.print = print;
    more.className = `more ${tone}`;
    fill(more, shape ? sign(shape) : null, words);
  };
  return { element, set };
}
