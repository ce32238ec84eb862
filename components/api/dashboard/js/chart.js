// A chart of values over time: lines or bars, the band of what is usual, and anomalies as links on it. uPlot draws.

import { align, alone, describe, hasValues, reach } from "./chart-data.js";
import { look, writeKey } from "./chart-key.js";
import { markers } from "./chart-markers.js";
import { fill, h, say } from "./dom.js";
import { figure, tick } from "./format.js";
import { changes, colour } from "./theme.js";
import { load } from "./uplot.js";

// The steps of an axis that counts.
const WHOLE = [...Array(12).keys()].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));

/**
 * A chart. `zone()` is the time zone; `onZoom(from, to)` is told of a stretch that was drawn over, in milliseconds.
 *
 * `update({ from, to, unit, lines, anomalies, note })` shows values: a line is `{ label, time, value, lower, upper,
 * expected }`, arrays as the API has them, the last three null where nothing judges it. `close()` when it is gone.
 */
export function chart({ title, metric, zone, onZoom, isLow = false, isBars = false }) {
  const note = h("span", { class: "muted" });
  const plot = h("div", { class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart" });
  const key = h("ul", { class: "key" });
  const spoken = h("p", { class: "unseen", "aria-live": "polite" });
  const element = h(
    "figure",
    { class: isLow ? "chart low" : "chart", "data-testid": "chart", "data-metric": metric },
    h("figcaption", null, h("h2", null, title), note),
    plot,
    key,
    spoken,
  );
  const marks = markers(zone);
  let drawn = null;
  let data = null;
  let shape = "";
  let isClosed = false;

  const update = async (next) => {
    data = next;
    const uPlot = await load();
    // A later answer, or the end, may have come meanwhile.
    if (isClosed || data !== next) return;
    say(note, data.note ?? "");
    plot.setAttribute("aria-label", describe(title, data));
    if (!hasValues(data.lines)) {
      erase();
      fill(plot, h("p", { class: "empty" }, "No values in this range"));
      fill(key);
      return;
    }
    const table = align(data.lines);
    const wanted = JSON.stringify([zone(), data.unit, data.lines.map((line) => [line.label, Boolean(line.upper)])]);
    if (drawn && wanted === shape) {
      drawn.setData(table);
    } else {
      erase();
      fill(plot);
      shape = wanted;
      drawn = new uPlot(options(uPlot), table, plot);
    }
    write();
    marks.show(drawn, data.anomalies ?? [], data.lines);
  };

  const options = (uPlot) => {
    const grid = { stroke: colour("grid"), width: 1 };
    const axis = { stroke: colour("muted"), font: "11px system-ui, sans-serif", grid, ticks: { ...grid, size: 4 } };
    const ticks = (u, splits, at, space, step) => splits.map((value) => tick(value, zone(), step));
    const figures = (u, splits) => splits.map((value) => figure(value, data.unit));
    return {
      width: plot.clientWidth,
      height: plot.clientHeight,
      ms: 1,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: Boolean(onZoom), y: false, setScale: false }, sync: { key: "logd" } },
      scales: { x: { range: () => [data.from, data.to] }, y: { range: () => reach(data.lines) } },
      axes: [
        { ...axis, size: 26, space: 64, values: ticks },
        { ...axis, size: 72, space: isLow ? 26 : 34, values: figures, ...(isBars ? { incrs: WHOLE } : {}) },
      ],
      ...series(uPlot),
      hooks: { setCursor: [write], setSelect: [zoomed], setSize: [place], setScale: [place] },
    };
  };

  const series = (uPlot) => {
    const [series, bands] = [[{}], []];
    data.lines.forEach((line, number) => {
      const { colour: name, dash } = look(line, number);
      const stroke = colour(name);
      const points = { show: false, filter: (u, index) => alone(u.data[index]), size: 4, fill: stroke };
      const bars = { paths: uPlot.paths.bars({ size: [0.85, 40], align: 1 }), fill: stroke, width: 0, dash: [] };
      series.push({ label: line.label, stroke, width: 1.6, dash, points, ...(isBars ? bars : {}) });
      if (!line.upper) return;
      bands.push({ series: [series.length, series.length + 1], fill: colour("band") });
      const edge = { stroke: colour("band-edge"), width: 1, points: { show: false } };
      series.push(
        { ...edge, label: "upper" },
        { ...edge, label: "lower" },
        { ...edge, label: "expected", dash: [2, 4] },
      );
    });
    return { series, bands };
  };

  const write = () => drawn && writeKey(key, drawn, data, zone(), isBars);
  const place = () => drawn && marks.place(drawn);
  const zoomed = (u) => {
    const { left, width } = u.select;
    if (width < 4) return;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    onZoom(Math.round(u.posToVal(left, "x")), Math.round(u.posToVal(left + width, "x")));
  };

  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!drawn || !step || event.target !== plot) return;
    event.preventDefault();
    const last = drawn.data[0].length - 1;
    const from = drawn.cursor.idx ?? (step > 0 ? -1 : last + 1);
    const index = Math.min(last, Math.max(0, from + step * (event.shiftKey ? 10 : 1)));
    drawn.setCursor({ left: drawn.valToPos(drawn.data[0][index], "x"), top: 10 });
    say(spoken, [...key.children].map((item) => item.textContent).join(", "));
  });

  const sized = new ResizeObserver(() => {
    if (drawn && plot.clientWidth) drawn.setSize({ width: plot.clientWidth, height: plot.clientHeight });
  });
  sized.observe(plot);

  const repaint = () => {
    shape = "";
    if (data) update({ ...data });
  };
  changes.addEventListener("change", repaint);

  const erase = () => {
    drawn?.destroy();
    drawn = null;
  };
  const close = () => {
    isClosed = true;
    erase();
    sized.disconnect();
    changes.removeEventListener("change", repaint);
  };
  return { element, update, close };
}
