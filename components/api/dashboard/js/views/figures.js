// The figures of an incident.

import { h } from "../dom.js";
import { dateTime, duration, figure, moment, number } from "../format.js";
import { words } from "../labels.js";
import { link } from "../route.js";

/** Names and values, for a `dl`; of an incident with its anomalies, the newest first. */
export function figures(incident, zone) {
  const last = incident.anomalies.find((change) => change.id === incident.last_anomaly_id) ?? incident.anomalies[0];
  const { baseline, peak } = last ?? {};
  // Why it was opened: what came later may be usual again.
  const { rule, quiet } = incident.anomalies.findLast((change) => change.rule) ?? {};
  const [opened, resolved] = [moment(incident.opened_at), moment(incident.resolved_at)];
  const lasted = opened && resolved ? duration((resolved - opened) / 1000) : null;
  const value = (of) => figure(of, incident.unit);
  const rows = [
    ["Value", value(incident.value), incident.field ? words(incident.field) : null],
    ["Score", number(incident.score), `threshold ${number(incident.threshold)}`],
    baseline ? ["Usual", value(baseline.mean), `± ${value(baseline.std)}, of ${number(baseline.n)} values`] : null,
    peak ? ["Worst", value(peak.value), `score ${number(peak.score)}, ${dateTime(peak.timestamp, zone)}`] : null,
    ["Opened", dateTime(incident.opened_at, zone)],
    ["Updated", dateTime(incident.updated_at, zone)],
    ["Resolved", dateTime(incident.resolved_at, zone), lasted ? `after ${lasted}` : null],
    ["Service", service(incident.service)],
    rule ? ["Rule", plain(rule)] : null,
    quiet?.length ? ["Quiet would be", plain(quiet.join(", or "))] : null,
    ["Found by", incident.detector ?? "–", incident.pipeline ? `pipeline ${incident.pipeline}` : null],
    last?.generation ? ["Configuration", `generation ${number(last.generation)}`] : null,
    incident.acknowledged_by ? ["Acknowledged by", incident.acknowledged_by] : null,
    incident.note ? ["Note", incident.note] : null,
  ];
  return rows
    .filter(Boolean)
    .map(([name, text, more]) =>
      h("div", null, h("dt", null, name), h("dd", null, text, more ? h("div", { class: "muted" }, more) : null)),
    );
}

const service = (name) => (name ? h("a", { href: link(["services", name]) }, name) : "–");

/** Without the marks that names have in text for terminals. */
const plain = (text) => text.replaceAll("`", "");
