// One service: its figures, its charts with what is usual and the anomalies on them, its incidents.

import { get, now, segments } from "../api.js";
import { chart } from "../chart.js";
import { finished } from "../chart-data.js";
import { fill, h } from "../dom.js";
import { ago, dateTime, figure, percent, rate, short } from "../format.js";
import { icon } from "../icons.js";
import { incidentList } from "../incident-list.js";
import { badge, capital, words } from "../labels.js";
import { link, range, step, zoneOf } from "../route.js";

// What is counted of every service is known for stretches of so many seconds.
const COUNTED = 10;

export function mount({ root, app, state }) {
  const service = state.path[1] ?? "";
  const zone = () => zoneOf(app.state);
  const facts = h("dl", { class: "figures" });
  const mark = h("span");
  const charts = h("div", { class: "charts" });
  const list = incidentList({ empty: "No incidents in this range.", withService: false });
  fill(
    root,
    h(
      "div",
      { class: "head" },
      h("a", { class: "crumb", href: link(["overview"]) }, icon("back"), "Overview"),
      h("h1", { tabindex: "-1" }, service),
      mark,
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button", href: link(["logs"], { service }) }, icon("logs"), "Logs"),
      ),
    ),
    h("section", { class: "card", "aria-label": "Figures" }, h("div", { class: "pad" }, facts)),
    charts,
    h(
      "section",
      { class: "card", "aria-labelledby": "incidents" },
      h("header", null, h("h2", { id: "incidents" }, "Incidents")),
      list.element,
    ),
  );

  const zoom = (from, to) => app.set({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const drawn = new Map();

  const refresh = async (signal) => {
    const seen = range(app.state, now());
    const { from, to } = seen;
    const details = await get(`services/${segments(service)}`, {}, signal);
    show(details);
    const groups = group(details.metrics ?? []);
    arrange(groups);
    const fetched = async ({ name, source }) => {
      const seconds = source ? step(seen) : Math.ceil(step(seen) / COUNTED) * COUNTED;
      const query = { from, to, step: `${seconds}s`, metric: name, source };
      const answer = await get(`services/${segments(service)}/series`, query, signal);
      return name === "logs" ? finished(answer, now()) : answer;
    };
    const incidents = get("incidents", { service, from, to, limit: 50 }, signal);
    await Promise.all(
      groups.map(async ({ key, metrics }) => {
        const answers = await Promise.all(metrics.map(fetched));
        await drawn.get(key)?.update(picture(metrics, answers, seen));
      }),
    );
    list.update((await incidents).items, zone());
  };

  const show = (details) => {
    fill(mark, badge(details.state));
    const rows = [
      ["Logs per second", rate(details.throughput)],
      ["Error rate", percent(details.error_rate), `${short(details.error_logs)} of ${short(details.total_logs)} logs`],
      ["Mean response time", figure(details.avg_response_time, "ms")],
      ["Open incidents", short(details.open_incidents)],
      ["Last seen", ago(details.last_seen, now()), dateTime(details.last_seen, zone())],
    ];
    fill(
      facts,
      rows.map(([name, text, more]) =>
        h("div", null, h("dt", null, name), h("dd", null, text, more ? h("div", { class: "muted" }, more) : null)),
      ),
    );
  };

  /** Makes the charts that are wanted and not there yet, and lets go of the others. */
  const arrange = (groups) => {
    for (const [key, { element, close }] of drawn) {
      if (groups.some((group) => group.key === key)) continue;
      element.remove();
      close();
      drawn.delete(key);
    }
    for (const { key, name, title } of groups) {
      if (!drawn.has(key)) drawn.set(key, chart({ title, metric: name, zone, onZoom: zoom }));
    }
    // Only what stands elsewhere is moved: a chart that is moved loses the focus.
    groups.forEach(({ key }, place) => {
      const { element } = drawn.get(key);
      if (charts.children[place] !== element) charts.insertBefore(element, charts.children[place] ?? null);
    });
  };

  const close = () => drawn.forEach((one) => one.close());
  return { title: service, refresh, close };
}

const TITLES = { logs: "Throughput", error_rate: "Error rate", latency: "Latency" };

/**
 * Which metrics share a chart: those of latency that come from one component; all others stand alone. Where several
 * components make a metric of one name, the titles say which.
 */
export function group(metrics) {
  const groups = new Map();
  for (const metric of metrics) {
    const name = /^latency(_|$)/.test(metric.name) ? "latency" : metric.name;
    const key = `${name} ${metric.source ?? ""}`;
    if (!groups.has(key)) groups.set(key, { key, name, source: metric.source, metrics: [] });
    groups.get(key).metrics.push(metric);
  }
  const order = (one, other) => one.name.localeCompare(other.name, "en", { numeric: true });
  const place = ({ name }) => Object.keys(TITLES).indexOf(name) + 1 || Infinity;
  const all = [...groups.values()].sort((one, other) => place(one) - place(other) || order(one, other));
  return all.map((one) => {
    const title = TITLES[one.name] ?? capital(one.name);
    const isOnly = all.every((other) => other === one || other.name !== one.name);
    return { ...one, title: isOnly ? title : `${title} · ${one.source ?? "counted"}`, metrics: one.metrics.sort(order) };
  });
}

/** What a chart shows of the answers of `/series`. */
export function picture(metrics, answers, { start, end }) {
  const lines = answers.map((answer, place) => ({ ...answer, label: words(metrics[place].name) }));
  const judges = metrics.flatMap(({ detector }, place) => (answers[place].upper ? (detector ?? []) : []));
  const note = judges.length ? `Band: what ${judges.join(", ")} expects` : null;
  // Each anomaly's mark stands on the line that was judged.
  const anomalies = answers.flatMap((answer, line) => (answer.anomalies ?? []).map((found) => ({ ...found, line })));
  const unit = answers.find((answer) => answer.unit)?.unit;
  return { from: start, to: end, unit, lines, anomalies, note };
}
