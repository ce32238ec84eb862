// Words and badges for severities, states, levels: always a shape and a word, never colour alone.

import { h } from "./dom.js";
import { sign } from "./icons.js";

const BADGES = {
  info: ["info", "dot"],
  warning: ["warning", "triangle"],
  critical: ["critical", "diamond"],
  open: ["critical", "ring"],
  acknowledged: ["warning", "square"],
  resolved: ["ok", "check"],
  update: ["warning", "triangle"],
  ok: ["ok", "check"],
  alarm: ["critical", "diamond"],
  broken: ["critical", "diamond"],
  failed: ["critical", "diamond"],
  delivered: ["ok", "check"],
  waiting: ["warning", "ring"],
  enabled: ["ok", "check"],
  disabled: ["", "bars"],
  active: ["info", "dot"],
  silenced: ["", "bars"],
};

/** A badge for a severity or state of the API; one it does not know is shown as it is. */
export function badge(state, text = words(state)) {
  if (!state) return "–";
  const [tone, shape] = Object.hasOwn(BADGES, state) ? BADGES[state] : ["", "dot"];
  return h("span", { class: `badge ${tone}`, "data-state": state }, sign(shape), text);
}

/** The shape of a severity. */
export function shapeOf(severity) {
  return (Object.hasOwn(BADGES, severity) ? BADGES[severity] : BADGES.info)[1];
}

/** `high_latency` → `high latency`. */
export function words(name) {
  return String(name ?? "–").replaceAll("_", " ");
}

/** The same at the start of a line: `High latency`. */
export function capital(name) {
  const text = words(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const TONES = {
  ERROR: "critical",
  CRITICAL: "critical",
  FATAL: "critical",
  ALERT: "critical",
  EMERGENCY: "critical",
  EMERG: "critical",
  CRIT: "critical",
  ERR: "critical",
  WARN: "warning",
  WARNING: "warning",
  INFO: "info",
  NOTICE: "info",
};

/** A log's level. */
export function level(name) {
  return h("span", { class: `level ${TONES[String(name ?? "").toUpperCase()] ?? ""}` }, name || "–");
}

/** The levels that the filters offer. */
export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
/** The severities, from low to high. */
export const SEVERITIES = ["info", "warning", "critical"];
/** The sorts of anomalies. */
export const TYPES = [
  "latency",
  "tail_latency",
  "degradation",
  "error_rate",
  "traffic_drop",
  "traffic_surge",
  "silence",
  "novelty",
  "pattern",
  "high_latency",
  "low_latency",
  "error_spike",
  "error_drop",
];
