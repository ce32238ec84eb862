// The key below a chart: each line's dash, name and value, where the cursor is or else the last one (of bars: all).

import { fill, h, svg } from "./dom.js";
import { dateTime, figure } from "./format.js";
import { width } from "./chart-data.js";

// Lines are told apart by their dashes too.
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [12, 4]];
const COLOURS = ["line-1", "line-2", "line-3", "line-4", "line-5"];

/** The colour (a name of theme.css) and dash of the n-th line. */
export function look(line, place) {
  return { colour: line.colour ?? COLOURS[place % COLOURS.length], dash: DASHES[place % DASHES.length] };
}

function swatch(line, place, isBar) {
  const { colour, dash } = look(line, place);
  const stroke = svg("line", { x1: 0, x2: 18, y1: 4, y2: 4, "stroke-width": 2, "stroke-dasharray": dash.join(" ") });
  const box = svg("rect", { x: 4, y: 0, width: 9, height: 8, rx: 2 });
  (isBar ? box : stroke).style[isBar ? "fill" : "stroke"] = `var(--${colour})`;
  return svg("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, isBar ? box : stroke);
}

/** Writes the key of what is drawn into the list `element`. */
export function writeKey(element, u, { lines, unit }, zone, isBars) {
  const { idx } = u.cursor;
  const at = idx === null || idx === undefined ? null : u.data[0][idx];
  let row = 1;
  const items = lines.map((line, place) => {
    const [values, upper, lower] = u.data.slice(row, row + width(line));
    row += width(line);
    const index = at === null || at === undefined ? values.findLastIndex((value) => value !== null) : idx;
    const isSum = isBars && index !== idx;
    const sum = (list) => list.reduce((sum, value) => sum + (value ?? 0), 0);
    const shown = (list) => figure(isSum ? sum(list) : list?.[index], unit);
    const isKnown = upper && (upper[index] ?? null) !== null;
    const usual = isKnown ? ` usual ${line.lower ? `${shown(lower)} to` : "up to"} ${shown(upper)}` : null;
    return h(
      "li",
      null,
      swatch(line, place, isBars),
      h("span", null, line.label),
      h("strong", null, shown(values)),
      usual && h("span", { class: "muted" }, usual),
    );
  });
  fill(element, items, at ? h("li", { class: "at" }, dateTime(at, zone)) : null);
}
