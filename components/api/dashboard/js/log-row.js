// One log: a line that opens to the whole event. All of it is text; whoever writes logs writes it.

import { now } from "./api.js";
import { add, h } from "./dom.js";
import { dateTime, time } from "./format.js";
import { icon } from "./icons.js";
import { level } from "./labels.js";

// Longer texts are cut, and more fields left out: the page has to bear it.
const LONGEST = 4000;
const MOST = 500;

/** The row. `onPick(field, value)`, if given, is told when one wants only logs with this value. */
export function logRow(log, { zone, onPick }) {
  const { timestamp, service, level: name, highlights } = log;
  const element = h(
    "details",
    { class: "log", "data-testid": "log-row", "data-id": log.id },
    h(
      "summary",
      null,
      icon("right"),
      h("time", { title: dateTime(timestamp, zone, { millis: true }) }, time(timestamp, zone, now(), { millis: true })),
      level(name),
      h("span", { class: "from", title: service }, service || "–"),
      h("span", { class: "text" }, highlights?.length ? marked(highlights) : cut(log.message)),
    ),
  );
  element.addEventListener("toggle", () => {
    if (element.open && element.children.length === 1) element.append(event(log, onPick));
  });
  return element;
}

function marked(fragments) {
  return fragments.map(({ text, marked }) => (marked ? h("mark", null, cut(text)) : cut(text)));
}

const cut = (text) => {
  const whole = String(text ?? "–");
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole;
};

function event(log, onPick) {
  const rows = fields(log.event ?? {})
    .slice(0, MOST)
    .map(([name, value]) => {
      const pick = onPick && h("button", { class: "small plain", onclick: () => onPick(name, value) }, icon("search"));
      pick?.setAttribute("aria-label", `Only logs with this ${name}`);
      return h("tr", null, h("th", { scope: "row" }, name), add(h("td"), [cut(value)]), pick && h("td", null, pick));
    });
  return h("div", { class: "event" }, h("table", null, h("tbody", null, rows)));
}

/** The fields of an event, nested ones by their path, as texts. */
export function fields(value, path = "") {
  if (value === null || typeof value !== "object") return [[path, String(value)]];
  if (Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([name, inner]) => fields(inner, path ? `${path}.${name}` : name));
}
