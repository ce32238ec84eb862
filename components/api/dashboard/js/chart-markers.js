// Anomalies on a chart: links that stand over the canvas, so that the keyboard and screen readers find them too.

import { h, keyed } from "./dom.js";
import { dateTime } from "./format.js";
import { sign } from "./icons.js";
import { shapeOf, words } from "./labels.js";
import { link } from "./route.js";
import { valueAt } from "./chart-data.js";

// More than this can't be told apart.
const MOST = 100;

/** The marks of one chart: `show` says which, `place` puts them where they belong after a change of size or range. */
export function markers(zone) {
  const layer = h("div");
  let shown = [];
  let lines = [];

  const make = (anomaly) => {
    const tone = anomaly.state === "resolved" ? "ok" : anomaly.severity;
    const told = anomaly.state === "resolved" ? "resolved" : anomaly.severity;
    const text = `${told} ${words(anomaly.type)}, ${dateTime(anomaly.time, zone())}`;
    return h(
      "a",
      {
        class: `anomaly ${tone}`,
        href: link(["incidents", anomaly.incident_id]),
        "data-testid": "chart-anomaly",
        "data-incident": anomaly.incident_id,
        "aria-label": `Anomaly: ${text}`,
        title: text,
        // Else the press would begin a selection on the chart.
        onmousedown: (event) => event.stopPropagation(),
      },
      sign(anomaly.state === "resolved" ? "check" : shapeOf(anomaly.severity)),
    );
  };

  const show = (u, anomalies, next) => {
    lines = next;
    shown = anomalies.slice(-MOST);
    if (layer.parentNode !== u.over) u.over.append(layer);
    keyed(layer, shown, (anomaly) => anomaly.id, make, zone());
    place(u);
  };

  const place = (u) => {
    [...layer.children].forEach((element, index) => {
      const { time, line = 0 } = shown[index];
      const value = valueAt(lines[line], time);
      const { min, max } = u.scales.x;
      element.hidden = value === null || time < min || time > max;
      if (element.hidden) return;
      const top = u.valToPos(value, "y");
      element.style.left = `${u.valToPos(time, "x")}px`;
      element.style.top = `${Math.min(Math.max(top, 0), u.over.clientHeight)}px`;
    });
  };
  return { show, place };
}
