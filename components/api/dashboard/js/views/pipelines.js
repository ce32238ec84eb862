// The pipelines: their graphs with rates, their components, and files that are broken.

import { get, now } from "../api.js";
import { fill, h, keyed } from "../dom.js";
import { ago, dateTime, duration, number, rate, short } from "../format.js";
import { graphView } from "../graph-view.js";
import { sign } from "../icons.js";
import { badge } from "../labels.js";
import { zoneOf } from "../route.js";
import { table } from "../table.js";
import { plan, reload } from "./plan.js";

const columns = (id) => [
  {
    name: "name",
    label: "Component",
    isWrapped: true,
    cell: ({ name, trouble: text }) => [h("strong", null, name.replace(`${id}/`, "")), trouble(text)],
  },
  { name: "kind", label: "Kind", cell: ({ kind, type }) => [kind, type].filter(Boolean).join(" · ") },
  { name: "in", label: "In", isNumber: true, cell: (one) => rate(one.received_rate) },
  { name: "out", label: "Out", isNumber: true, cell: (one) => rate(one.sent_rate) },
  { name: "received", label: "Received", isNumber: true, cell: (one) => short(one.received) },
  { name: "sent", label: "Sent", isNumber: true, cell: (one) => short(one.sent) },
  { name: "dead", label: "Dead", isNumber: true, cell: (one) => warn(one.dead) },
  { name: "late", label: "Late", isNumber: true, cell: (one) => number(one.late) },
  { name: "discarded", label: "Discarded", isNumber: true, cell: (one) => short(one.discarded) },
  { name: "in_flight", label: "In flight", isNumber: true, cell: (one) => number(one.in_flight) },
  { name: "lag", label: "Lag", isNumber: true, cell: (one) => duration(one.lag) },
];

const trouble = (text) => text && h("div", { class: "trouble" }, sign("triangle"), h("span", null, text));

const warn = (count) => (count > 0 ? badge("warning", number(count)) : number(count));

export function mount({ root, app }) {
  const last = h("p", { class: "muted" });
  const list = h("div", { class: "view" });
  const none = h("p", { class: "card none muted", hidden: true }, "No pipeline runs.");
  const actions = h(
    "div",
    { class: "actions" },
    h("button", { "data-testid": "plan", onclick: () => plan(app) }, "Plan"),
    h("button", { "data-testid": "reload", onclick: () => reload(app) }, "Reload"),
  );
  fill(
    root,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Pipelines"), last, app.isAdmin ? actions : null),
    list,
    none,
  );
  const cards = new Map();

  const refresh = async (signal) => {
    const { generation, last_reload: reloaded, pipelines } = await get("pipelines", {}, signal);
    fill(last, `Generation ${number(generation)}`, told(reloaded, zoneOf(app.state)));
    for (const id of [...cards.keys()]) if (!pipelines.some((one) => one.id === id)) cards.delete(id);
    for (const { id } of pipelines) if (!cards.has(id)) cards.set(id, card(id));
    keyed(
      list,
      pipelines.map(({ id }) => id),
      (id) => id,
      (id) => cards.get(id).element,
    );
    for (const pipeline of pipelines) cards.get(pipeline.id).update(pipeline, zoneOf(app.state));
    none.hidden = pipelines.length > 0;
  };
  return { title: "Pipelines", refresh, period: () => 2000 };
}

/** What came of the last reload: a moment, or an object with `at`, `ok`, `said`. */
function told(reloaded, zone) {
  if (!reloaded) return " · not reloaded since the start";
  const { at, ok, said } = typeof reloaded === "string" ? { at: reloaded } : reloaded;
  const words = ok === undefined ? "" : ok ? ": all taken over" : `: ${said || "not all taken over"}`;
  return h("span", { title: said }, ` · last reload ${dateTime(at, zone)} (${ago(at, now())})${words}`);
}

function card(id) {
  const state = h("span", { class: "events" });
  const mistakes = h("div");
  const graph = h("div");
  const parts = table({
    label: `Components of ${id}`,
    columns: columns(id),
    key: ({ name }) => name,
    empty: "Nothing of it runs.",
  });
  const element = h(
    "section",
    { class: "card", "data-testid": "pipeline", "data-id": id, "aria-label": `Pipeline ${id}` },
    h("header", null, h("h2", null, id), state),
    mistakes,
    graph,
    parts.element,
  );
  let print = "";

  const update = (pipeline, zone) => {
    const since = pipeline.since ? ` since ${dateTime(pipeline.since, zone)}` : "";
    element.dataset.state = pipeline.state;
    const broken = pipeline.state !== "ok" || pipeline.mistakes?.length > 0;
    fill(state, badge(pipeline.state), h("span", { class: "muted" }, since));
    const next = JSON.stringify([pipeline.state, pipeline.mistakes]);
    if (next !== print) fill(mistakes, broken ? wrong(pipeline) : null);
    print = next;
    draw(pipeline);
    parts.update(pipeline.components ?? []);
  };

  /** A graph that is drawn anew keeps how far it was scrolled, and the focus. */
  const draw = (pipeline) => {
    graph.hidden = !pipeline.components?.length;
    const old = graph.firstChild;
    const next = graphView(pipeline);
    const [left, isFocused] = [old?.scrollLeft ?? 0, old === document.activeElement];
    fill(graph, next);
    next.scrollLeft = left;
    if (isFocused) next.focus({ preventScroll: true });
  };
  return { element, update };
}

function wrong({ state, mistakes = [] }) {
  const goesOn =
    state === "broken" ? "This file has mistakes; its last good version goes on." : "This pipeline does not run.";
  return h(
    "div",
    { class: "pad", "data-testid": "pipeline-broken" },
    h("p", null, h("strong", null, goesOn)),
    mistakes.map((text) => h("pre", { class: "mistake", tabindex: "0" }, text)),
  );
}
