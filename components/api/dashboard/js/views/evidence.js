// What a verdict rests on: the rule, and the last points each with the baseline that it was judged by; or the figures of
// whatever test it was.

import { h } from "../dom.js";
import { figure, number, time } from "../format.js";
import { now } from "../api.js";
import { words } from "../labels.js";
import { table } from "../table.js";

/** The rule and the points of an anomaly, in the unit of its metric; a line if there are none. */
export function evidence(anomaly, unit, zone) {
  const { method, rule, confirm, points, figures, recent, ...more } = anomaly?.evidence ?? {};
  if (!anomaly) return h("p", { class: "none muted" }, "No evidence was kept.");
  const at = (value) => time(value, zone, now(), { millis: false });
  const found = rule ? rows({ ...rule, confirm }) : [...rows(more), ...rows(figures)];
  const told = h("div", { class: "pad" }, h("dl", { class: "figures" }, found));
  const window = { name: "window", label: "Window", cell: ({ window }) => `${at(window?.start)} – ${at(window?.end)}` };
  if (recent) return [told, buckets(recent, window, zone)];
  if (!points) return [told];
  const columns = [
    window,
    { name: "value", label: "Value", isNumber: true, cell: ({ value }) => figure(value, unit) },
    { name: "mean", label: "Usual (mean)", isNumber: true, cell: ({ baseline }) => figure(baseline?.mean, unit) },
    { name: "std", label: "Deviation", isNumber: true, cell: ({ baseline }) => figure(baseline?.std, unit) },
    { name: "n", label: "Of values", isNumber: true, cell: ({ baseline }) => number(baseline?.n) },
  ];
  const view = table({
    label: "Points",
    columns,
    key: ({ window }) => `${window?.start} ${window?.end}`,
    empty: "No points were kept.",
  });
  view.update(points, { context: zone });
  return [told, view.element];
}

/** The last buckets of a key, in which its events were counted. */
function buckets(recent, window, zone) {
  const columns = [
    window,
    { name: "events", label: "Events", isNumber: true, cell: ({ events }) => number(events) },
    { name: "expected", label: "Expected", isNumber: true, cell: ({ expected }) => number(expected) },
    { name: "errors", label: "Errors", isNumber: true, cell: ({ errors }) => number(errors) },
    { name: "slow", label: "Very slow", isNumber: true, cell: ({ slow }) => number(slow) },
    { name: "times_usual", label: "Times as slow as usual", isNumber: true, cell: (one) => number(one.times_usual) },
  ];
  const view = table({ label: "Last buckets", columns, key: ({ window }) => window.start, empty: "No buckets were kept." });
  view.update(recent, { context: zone });
  return view.element;
}

/** Figures, whatever they are of: nested ones are named by their path. */
function rows(figures) {
  return flat(figures).map(([name, value]) => h("div", null, h("dt", null, words(name)), h("dd", null, value)));
}

function flat(value, path = []) {
  if (value === undefined) return [];
  if (Array.isArray(value) && !value.some((inner) => inner && typeof inner === "object")) {
    return [[path.join(" "), value.map(String).join(", ")]];
  }
  if (Array.isArray(value)) {
    return value.flatMap((inner, place) => flat(inner, value.length > 1 ? [...path, place + 1] : path));
  }
  if (value && typeof value === "object") {
    return Object.entries(value).flatMap(([name, inner]) => flat(inner, [...path, name]));
  }
  return [[path.join(" "), typeof value === "number" ? number(value) : String(value)]];
}
