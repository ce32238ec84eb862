// Draws the charts of a report from the data that stands in it.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // The colours of the theme, as a canvas takes them.
  const probe = document.body.appendChild(document.createElement("span"));
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const axis = (label) => ({ label, stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 } });
  const share = (_, value) => (value == null ? "–" : value.toFixed(3));

  const draw = (id, columns, x, series, scales) => {
    const place = document.getElementById(id);
    if (!place || columns[0].length === 0) return;
    const size = () => ({ width: Math.max(place.clientWidth, 300), height: 220 });
    // Days are those of UTC, as they were counted.
    const tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");
    const options = { ...size(), tzDate, series: [{ label: x }, ...series], axes: [axis(x), axis()], scales };
    const plot = new uPlot(options, columns, place);
    addEventListener("resize", () => plot.setSize(size()));
  };

  // Bars that stand on one another: the sum of all is drawn first, and those below it over that.
  const { start, found, missed, false: wrong } = data.days;
  const counts = [wrong, missed, found];
  const heights = counts.map((_, place) => start.map((_, day) => counts.slice(place).reduce((sum, one) => sum + one[day], 0)));
  const bars = uPlot.paths.bars({ size: [0.6, 40] });
  const part = (label, name, place) => ({
    label,
    fill: colour(name),
    stroke: colour(name),
    paths: bars,
    points: { show: false },
    value: (_plot, _value, _series, day) => (day == null ? "–" : counts[place][day]),
  });
  const parts = [part("false alarms", "line-3", 0), part("missed", "critical", 1), part("found", "ok", 2)];
  const halfDay = 43200;
  draw("days", [start, ...heights], "day", parts, {
    x: { time: true, range: () => [start[0] - halfDay, start[start.length - 1] + halfDay] },
    y: { range: (_plot, _least, most) => [0, Math.max(1, most)] },
  });

  // Of all incidents the share that was found within a time: one column of times, and one of shares for each trial.
  const times = [...new Set(data.delays.flatMap((one) => one.seconds))].sort((a, b) => a - b);
  const within = (one) => times.map((time) => one.seconds.filter((seconds) => seconds <= time).length / one.incidents);
  const steps = uPlot.paths.stepped({ align: 1 });
  const curve = ({ name }, place) => ({ label: name, stroke: colour(`line-${place + 1}`), width: 2, paths: steps, value: share });
  draw("delays", [times, ...data.delays.map(within)], "seconds from the start of an incident", data.delays.map(curve),
    { x: { time: false, distr: times[0] > 0 ? 3 : 1 }, y: { range: [0, 1] } });

  if (data.sweep) {
    const { setting, value, recall, precision, f1 } = data.sweep;
    const line = (label, name) => ({ label, stroke: colour(name), width: 2, value: share });
    draw("sweep", [value, recall, precision, f1], setting,
      [line("recall", "line-1"), line("precision", "line-2"), line("F1", "line-3")],
      { x: { time: false, distr: 3 }, y: { range: [0, 1] } });
  }
  probe.remove();
})();
