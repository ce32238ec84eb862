import assert from "node:assert/strict";
import test from "node:test";

import { align, alone, describe, finished, hasValues, reach, valueAt } from "../js/chart-data.js";

const mean = {
  label: "mean",
  time: [1, 2, 3],
  value: [10, null, 12],
  upper: [20, 20, 20],
  lower: [5, 5, 5],
  expected: null,
};
const p99 = { label: "p99", time: [2, 4], value: [30, 31] };

test("lines of different times share one axis", () => {
  const table = align([mean, p99]);
  assert.deepEqual(table, [
    [1, 2, 3, 4],
    [10, null, 12, null],
    [20, 20, 20, null],
    [5, 5, 5, null],
    [null, null, null, null],
    [null, 30, null, 31],
  ]);
});

test("a band that nothing bounds below reaches to the bottom", () => {
  const [, , , lower] = align([{ ...mean, upper: [20, null, 20], lower: null }]);
  assert.deepEqual(lower, [0, null, 0]);
});

test("a stretch that is not over has no rate yet", () => {
  const { time, value } = finished({ time: [0, 10_000, 20_000], value: [7, 7, 2], step: 10 }, 25_000);
  assert.deepEqual([time, value], [[0, 10_000], [7, 7]]);
});

test("the axis holds values and band, unless the band is far away", () => {
  assert.deepEqual(reach([mean]), [0, 20 * 1.08]);
  assert.deepEqual(reach([{ ...mean, upper: [900, 900, 900] }]), [0, 72 * 1.08]);
  assert.deepEqual(reach([{ ...mean, value: [0, 0, 0], upper: null }]), [0, 1.08]);
});

test("lonely values, empty charts, and marks", () => {
  assert.deepEqual(alone([1, null, 2, 3, null, 4]), [0, 5]);
  assert.equal(hasValues([{ value: [null, null] }, { value: null }]), false);
  assert.equal(valueAt(mean, 2), 10, "the nearest that has a value");
  assert.equal(valueAt({ time: [1], value: [null] }, 1), null);
  assert.equal(valueAt(undefined, 1), null);
});

test("a chart can be told in words", () => {
  const text = describe("Latency", { lines: [mean], unit: "ms", anomalies: [{}] });
  assert.equal(text, "Latency. mean: last 12 ms, from 10 ms to 12 ms. Anomalies marked: 1. Arrow keys read values.");
});
