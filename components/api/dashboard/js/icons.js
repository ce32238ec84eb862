// The few icons, as paths on a grid of 16, and the signs of severities and states.

import { svg } from "./dom.js";

const PATHS = {
  overview: "M2.5 2.5h4.5v4.5h-4.5z M9 2.5h4.5v4.5H9z M2.5 9h4.5v4.5h-4.5z M9 9h4.5v4.5H9z",
  incidents: "M8 2 14.2 13.2H1.8z M8 6.5v3 M8 11.4v.1",
  logs: "M2.5 3.5h11 M2.5 6.5h7 M2.5 9.5h11 M2.5 12.5h5",
  pipelines: "M1.8 3h4v3.4h-4z M1.8 9.6h4V13h-4z M10.2 6.3h4v3.4h-4z M5.8 4.7h2.2v3.3h2.2 M5.8 11.3h2.2V8",
  webhooks: "M8 2.2v2 M3.6 12h8.8l-1.3-2V7.3a3.1 3.1 0 0 0-6.2 0V10z M6.7 14h2.6",
  pause: "M5.5 3.5v9 M10.5 3.5v9",
  play: "M5 3.2v9.6L12.6 8z",
  sun:
    "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z M8 1.2v1.2 M8 13.6v1.2 M1.2 8h1.2 M13.6 8h1.2 M3.2 3.2l.9.9 " +
    "M11.9 11.9l.9.9 M3.2 12.8l.9-.9 M11.9 4.1l.9-.9",
  moon: "M13.3 9.6A5.8 5.8 0 0 1 6.4 2.7a5.8 5.8 0 1 0 6.9 6.9z",
  user: "M8 2.3a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4z M2.8 13.8c.4-2.6 2.5-4 5.2-4s4.8 1.4 5.2 4",
  close: "M4 4l8 8 M12 4l-8 8",
  back: "M9.5 3.5 5 8l4.5 4.5",
  up: "M3.5 10 8 5.5l4.5 4.5",
  down: "M3.5 6 8 10.5 12.5 6",
  right: "M6 3.5 10.5 8 6 12.5",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z M10.4 10.4l3.2 3.2",
  add: "M8 3v10 M3 8h10",
  copy: "M5.5 5.5h8v8h-8z M3.5 10.5h-1v-8h8v1",
};

/** An icon that stands beside a text and is not read out. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}

// Each severity and state has its own shape.
const SIGNS = {
  dot: "M5 1a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  ring: "M5 .8a4.2 4.2 0 1 0 0 8.4A4.2 4.2 0 0 0 5 .8zm0 1.9a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6z",
  triangle: "M5 .6 9.8 9.2H.2z",
  diamond: "M5 0l5 5-5 5-5-5z",
  square: "M1 1h8v8H1z",
  check: "M1.3 5.6l1.5-1.5 1.5 1.5 3.6-4L9.400 3 4.400 8.600z",
  bars: "M1.500 1h2.500v8H1.500z M6 1h2.500v8H6z",
};

/** A small filled shape. */
export function sign(name) {
  return svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("path", { d: SIGNS[name] }));
}

/** The mark of logd. */
export function mark() {
  const line = { d: "M6 19h5l3-9 5 14 3-5h4", fill: "none", stroke: "#fff", "stroke-width": 2.6 };
  const box = { width: 32, height: 32, rx: 7, fill: "#2456c7" };
  const round = { "stroke-linecap": "round", "stroke-linejoin": "round" };
  const parts = [svg("rect", box), svg("path", { ...line, ...round })];
  return svg("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" }, parts);
}
