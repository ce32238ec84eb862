// What a chart computes from the API's arrays before anything is drawn. No DOM here.

import { figure } from "./format.js";

/** The greatest number of a list, or 0. */
const greatest = (values) => (values ?? []).reduce((most, value) => Math.max(most, value ?? 0), 0);
const least = (values) => (values ?? []).reduce((low, value) => Math.min(low, value ?? 0), 0);

/** Whether there is anything to draw. */
export function hasValues(lines) {
  return lines.some((line) => line.value?.some((value) => value !== null));
}

/**
 * All lines on one axis of time, as uPlot wants them: times, then for each line its values, and where it has a band
 * the upper and lower edge and what was expected. A moment that a line does not have is a gap.
 */
export function align(lines) {
  const times = [...new Set(lines.flatMap((line) => line.time))].sort((one, other) => one - other);
  const place = new Map(times.map((time, index) => [time, index]));
  const spread = (line, values) => {
    const row = new Array(times.length).fill(null);
    line.time.forEach((time, index) => (row[place.get(time)] = values?.[index] ?? null));
    return row;
  };
  const [bottom] = reach(lines);
  const rows = lines.flatMap((line) => columns(line, bottom).map((values) => spread(line, values)));
  return [times, ...rows];
}

/** What is drawn of a line. A band that nothing bounds below reaches to the bottom. */
function columns(line, bottom) {
  if (!line.upper) return [line.value];
  const lower = line.upper.map((upper, index) => (upper === null ? null : (line.lower?.[index] ?? bottom)));
  return [line.value, line.upper, lower, line.expected];
}

/** How many rows of the table a line takes. */
export const width = (line) => columns(line, 0).length;

// A band that reaches so many times as far as all values is cut off.
const FAR = 6;

/** From zero to a bit over the greatest value and the band. */
export function reach(lines) {
  const values = Math.max(...lines.map((line) => greatest(line.value)));
  const bands = Math.max(...lines.map((line) => greatest(line.upper)));
  const top = values > 0 ? Math.max(values, Math.min(bands, values * FAR)) : bands;
  return [Math.min(...lines.map((line) => least(line.value))), (top || 1) * 1.08];
}

/** An answer of `/series` without the stretch that is not over at `now`: so far too little has come in it for a rate. */
export function finished(answer, now) {
  const count = answer.time.filter((start) => start + answer.step * 1000 <= now).length;
  return { ...answer, time: answer.time.slice(0, count), value: answer.value.slice(0, count) };
}

/** The values that have no neighbour: a line does not show them, so they get a dot. */
export function alone(values) {
  const none = (index) => values[index] === null || values[index] === undefined;
  return values.flatMap((value, index) => (!none(index) && none(index - 1) && none(index + 1) ? [index] : []));
}

/** The chart in a sentence, for those who do not see it. */
export function describe(title, { lines, unit, anomalies = [] }) {
  const said = lines
    .filter((line) => hasValues([line]))
    .map((line) => {
      const values = line.value.filter((value) => value !== null);
      const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => figure(value, unit));
      return `${line.label}: last ${figure(values.at(-1), unit)}, from ${low} to ${high}`;
    });
  const marks = anomalies.length ? ` Anomalies marked: ${anomalies.length}.` : "";
  return `${title}. ${said.join("; ") || "No values"}.${marks} Arrow keys read values.`;
}

/** The value of a line at a time, or at the nearest that it has: where an anomaly's mark stands. */
export function valueAt(line, time) {
  let best = -1;
  line?.time.forEach((at, index) => {
    if ((line.value[index] ?? null) === null) return;
    if (best < 0 || Math.abs(at - time) < Math.abs(line.time[best] - time)) best = index;
  });
  return best < 0 ? null : line.value[best];
}
