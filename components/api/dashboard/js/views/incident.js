// One incident: what happened, how bad, on what the verdict rests, and what can be done about it.

import { get, now, post, segments } from "../api.js";
import { chart } from "../chart.js";
import { dialog, field, form } from "../dialog.js";
import { fill, h, keyed } from "../dom.js";
import { dateTime } from "../format.js";
import { icon } from "../icons.js";
import { badge, capital, words } from "../labels.js";
import { logRow } from "../log-row.js";
import { link, step, zoneOf } from "../route.js";
import { attempt } from "../toast.js";
import { evidence } from "./evidence.js";
import { figures } from "./figures.js";
import { related } from "./related.js";
import { addSilence } from "./silences.js";
import { picture } from "./service.js";

// Of what was before and after an incident the chart shows as much as it lasted, but at least and at most so much.
const [LEAST, MOST] = [10 * 60_000, 6 * 3_600_000];
// Where its detector has kept no logs, so many are shown of those that the service wrote around its beginning.
const [SAMPLES, AROUND] = [5, 30_000];

export function mount({ root, app, state }) {
  const id = state.path[1];
  const zone = () => zoneOf(app.state);
  const view = { title: "Incident", refresh, close };
  const head = h("div", { class: "head" });
  const title = h("h1", { tabindex: "-1" }, "Incident");
  const states = h("span", { class: "events" });
  const actions = h("div", { class: "actions" });
  const explanation = h("p", { class: "explanation", "data-testid": "incident-explanation" });
  const facts = h("dl", { class: "figures" });
  const place = h("div");
  const proof = h("div");
  const samples = h("div", { class: "logs" });
  const changes = h("ol", { class: "timeline" });
  const sampled = card("Sample logs", samples);
  const others = h("ol", { class: "timeline related" });
  const together = card("Went wrong together", others);
  fill(head, h("a", { class: "crumb", href: link(["incidents"]) }, icon("back"), "Incidents"), title, states, actions);
  fill(
    root,
    head,
    h("section", { class: "card", "aria-label": "What happened" }, h("div", { class: "pad" }, explanation, facts)),
    place,
    together,
    sampled,
    card("Evidence", proof),
    card("Changes", changes),
  );
  let drawn = null;
  let judged = null;
  let beginning = null;
  let print = "";

  async function refresh(signal) {
    const incident = whole(await get(`incidents/${segments(id)}`, {}, signal));
    show(incident);
    await Promise.all([sample(incident, signal), draw(incident, signal)]);
  }

  const show = (incident) => {
    const { type, service } = incident;
    const next = JSON.stringify([incident, zone(), app.isAdmin]);
    if (next === print) return;
    print = next;
    title.textContent = `${capital(type)} · ${service || "no service"}`;
    view.title = title.textContent;
    document.title = `${view.title} – logd`;
    fill(states, badge(incident.severity), badge(incident.state), incident.silenced ? badge("silenced") : null);
    fill(explanation, incident.explanation);
    fill(facts, figures(incident, zone()));
    buttons(incident);
    fill(others, related(incident, zone()));
    together.hidden = !incident.related?.length;
    fill(
      proof,
      // Why it was opened: what came later may be usual again.
      evidence(
        incident.anomalies.findLast((change) => change.evidence),
        incident.unit,
        zone(),
      ),
    );
    fill(
      changes,
      incident.anomalies.map((change) => changed(change, zone())),
    );
  };

  const sample = async (incident, signal) => {
    const kept = incident.anomalies.findLast((change) => change.samples?.length)?.samples;
    const logs = kept?.map((event, place) => asLog(event, `sample-${place}`)) ?? beginning ?? (await began(incident, signal));
    // No more of them will come.
    if (now() > Date.parse(incident.opened_at) + 2 * AROUND) beginning = logs;
    keyed(
      samples,
      logs,
      (log) => log.id,
      (log) => logRow(log, { zone: zone() }),
      zone(),
    );
    sampled.hidden = logs.length === 0;
  };

  const buttons = (incident) => {
    const isOver = incident.state === "resolved";
    const seen = link(["logs"], { service: incident.service, ...around(incident) });
    const focused = document.activeElement?.dataset?.testid;
    fill(
      actions,
      incident.state === "open" ? act("Acknowledge", "ack", incident, "primary") : null,
      !isOver && app.isAdmin ? act("Resolve", "resolve", incident) : null,
      app.isAdmin
        ? h("button", { onclick: () => addSilence(app, { service: incident.service, type: incident.type }) }, "Silence")
        : null,
      incident.service ? h("a", { class: "button", href: seen }, icon("logs"), "Logs") : null,
    );
    if (focused) actions.querySelector(`[data-testid="${focused}"]`)?.focus();
  };

  const act = (label, verb, incident, tone = "") =>
    h(
      "button",
      { class: tone, "data-testid": `incident-${verb}`, onclick: () => change(label, verb, incident) },
      label,
    );

  const change = async (label, verb, incident) => {
    const note = h("textarea", { name: "note", maxlength: 1000, "data-testid": "incident-note" });
    const done = await dialog(`${label} incident`, (close) =>
      form(
        close,
        {
          label,
          testid: `incident-${verb}-confirm`,
          submit: () => post(`incidents/${segments(id)}/${verb}`, note.value.trim() ? { note: note.value.trim() } : {}),
        },
        h("p", { class: "muted" }, incident.explanation),
        field("Note", note, "Optional; others see it with your name."),
      ),
    );
    // What came of it is the incident, but without the changes in it.
    if (!done) return;
    await attempt(() => refresh());
    title.focus();
  };

  const draw = async (incident, signal) => {
    if (!incident.service || !incident.field) return;
    const { start, end } = span(incident);
    const seen = { start, end };
    const query = { from: new Date(start).toISOString(), to: new Date(end).toISOString(), step: `${step(seen)}s` };
    const path = `services/${segments(incident.service)}`;
    // Another pipeline may have a metric of that name, too.
    judged ??= (await get(path, {}, signal)).metrics.find((metric) => isJudged(metric, incident)) ?? {};
    const answer = await get(`${path}/series`, { ...query, metric: incident.field, source: judged.source }, signal);
    if (!drawn) {
      drawn = chart({ title: capital(incident.field), metric: incident.field, zone });
      place.append(drawn.element);
    }
    await drawn.update(picture([{ ...judged, name: incident.field }], [answer], seen));
  };

  function close() {
    drawn?.close();
  }
  return view;
}

const card = (title, content) =>
  h("section", { class: "card", "aria-label": title }, h("header", null, h("h2", null, title)), content);

/** An incident whose anomalies, the newest first, have what their detector said beside what the API says of them. */
function whole(incident) {
  const anomalies = (incident.anomalies ?? []).map(({ event, ...told }) => ({ ...event, ...told }));
  const time = (change) => Date.parse(change.timestamp);
  return { ...incident, anomalies: anomalies.sort((one, other) => time(other) - time(one)) };
}

/** Whether it is the metric that an incident is about. */
const isJudged = ({ name, detector }, incident) =>
  name === incident.field && detector === `${incident.pipeline}/${incident.detector}`;

/** Logs of its service around its beginning; of one about errors, these. */
async function began({ service, type, opened_at }, signal) {
  if (!service) return [];
  const [from, to] = [-AROUND, AROUND].map((apart) => new Date(Date.parse(opened_at) + apart).toISOString());
  const level = type.startsWith("error") ? "ERROR" : undefined;
  return (await get("logs", { service, level, from, to, limit: SAMPLES }, signal)).items;
}

/** The time that the chart shows. */
function span(incident) {
  const opened = Date.parse(incident.opened_at);
  const ended = incident.resolved_at ? Date.parse(incident.resolved_at) : now();
  const more = Math.min(MOST, Math.max(LEAST, ended - opened));
  return { start: opened - more, end: Math.min(now(), ended + more) };
}

/** The range in which its logs are looked for. */
function around(incident) {
  const { start, end } = span(incident);
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}

function changed(change, zone) {
  return h(
    "li",
    null,
    badge(change.state === "update" ? change.severity : change.state, words(change.state)),
    h("span", { class: "muted nowrap" }, dateTime(change.timestamp, zone)),
    h("span", { title: change.reason && words(change.reason) }, change.description),
  );
}

/** A sample, which is the event as it was, as a row of logs wants it. */
function asLog(event, id) {
  const body = event && typeof event === "object" ? event : { message: String(event) };
  const { timestamp, time, service, level, message, msg } = body;
  return {
    id,
    timestamp: timestamp ?? time,
    service,
    level,
    message: message ?? msg ?? JSON.stringify(body),
    event: body,
  };
}
