// Draws a pipeline's graph: a box for each component, a line for each edge with its rate.

import { h, svg } from "./dom.js";
import { rate } from "./format.js";
import { BOX, layout, rateOf } from "./graph.js";

// How far it may shrink to fit, before it scrolls.
const LEAST = 0.78;
const LETTER = 6.3;

/** The graph; what it shows the table below it says in words. */
export function graphView(pipeline) {
  const { nodes, edges, width, height } = layout(pipeline);
  const label = `Graph of ${pipeline.id}: ${nodes.length} components, ${edges.length} connections`;
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": label,
      css: { width: `clamp(${Math.round(width * LEAST)}px, 100%, ${width}px)`, "aspect-ratio": `${width} / ${height}` },
    },
    edges.map(line),
    edges.map((edge) => plate(edge, edges)),
    nodes.map((node) => box(node, pipeline.id)),
  );
  return h("div", { class: "graph", tabindex: "0", role: "region", "aria-label": `Graph of ${pipeline.id}` }, drawing);
}

function box({ component, name, isOther, x, y, height }, pipeline) {
  const { kind, type, trouble } = component ?? {};
  const shown = name.replace(`${pipeline}/`, "");
  const mark = trouble ? `▲ ${type ?? "trouble"}` : type;
  const second = [isOther ? "another pipeline" : mark, flow(component)].filter(Boolean);
  const middle = height / 2;
  return svg(
    "g",
    { class: `node${trouble ? " trouble" : ""}${isOther ? " other" : ""}`, transform: `translate(${x} ${y})` },
    svg("title", null, [shown, type, trouble].filter(Boolean).join(" · ")),
    svg("rect", { class: "box", width: BOX.width, height, rx: 8 }),
    isOther ? null : svg("rect", { class: `kind ${kind}`, x: 0, y: 10, width: 3, height: height - 20, rx: 1.5 }),
    svg("text", { class: "name", x: 14, y: middle - 4 }, cut(shown, 19)),
    svg("text", { class: "small", x: 14, y: middle + 15 }, cut(second.join(" · "), 24)),
  );
}

/** What a source makes; all else is written on the edges. */
const flow = (component) => (component?.kind === "source" ? rate(component.sent_rate) : null);

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function line({ points }) {
  const [[x, y]] = points;
  let path = `M${x} ${y}`;
  for (let index = 1; index < points.length; index += 2) {
    const [[x1, y1], [x2, y2], after] = points.slice(index - 1, index + 2);
    const end = after ? x2 : x2 - 7;
    path += `C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${end} ${y2}`;
    if (after) path += `L${after[0]} ${after[1]}`;
  }
  const [toX, toY] = points.at(-1);
  const arrow = `M${toX - 8} ${toY - 4}L${toX} ${toY}L${toX - 8} ${toY + 4}Z`;
  return [svg("path", { class: "edge", d: path }), svg("path", { class: "arrow", d: arrow })];
}

/** The rate, and the output's name if it is not the usual one, at the receiver's end: there the lines are apart. */
function plate(edge, edges) {
  const [x, y] = edge.points.at(-1);
  const text = cut([rate(rateOf(edge, edges)), edge.port].filter(Boolean).join(" "), 17);
  const wide = text.length * LETTER + 6;
  return [
    svg("rect", { class: "plate", x: x - 11 - wide, y: y - 9, width: wide, height: 18, rx: 4 }),
    svg("text", { class: "small", x: x - 14, y: y + 4, "text-anchor": "end" }, text),
  ];
}
