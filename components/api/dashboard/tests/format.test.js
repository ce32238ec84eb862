import assert from "node:assert/strict";
import test from "node:test";

import * as format from "../js/format.js";

test("what is not known is a dash", () => {
  for (const write of [format.number, format.short, format.percent, format.rate, format.duration, format.figure]) {
    for (const value of [null, undefined, NaN, Infinity, "7"]) assert.equal(write(value), "–");
  }
  for (const value of [null, undefined, "", "yesterday"]) {
    assert.equal(format.dateTime(value, "utc"), "–");
    assert.equal(format.ago(value, 0), "–");
  }
  assert.equal(format.number(0), "0", "zero is known");
});

test("numbers", () => {
  assert.equal(format.number(0.01234), "0.012");
  assert.equal(format.number(4.567), "4.57");
  assert.equal(format.number(1234.5), "1,235");
  assert.equal(format.short(9999), "10.0 k");
  assert.equal(format.short(9994), "9,994");
  assert.equal(format.short(45_600), "45.6 k");
  assert.equal(format.short(999_900), "1.00 M");
  assert.equal(format.short(1.234e9), "1.23 G");
  assert.equal(format.percent(0.913), "0.91 %");
  assert.equal(format.percent(99.95), "100 %");
});

test("durations", () => {
  const said = [0, 0.043, 0.42, 12.4, 59.6, 185, 7440, 90_000].map(format.duration);
  assert.deepEqual(said, ["0 s", "43 ms", "0.4 s", "12 s", "1 min", "3 min 5 s", "2 h 4 min", "1 d 1 h"]);
});

test("figures in the unit of the API", () => {
  assert.equal(format.figure(348.6, "ms"), "349 ms");
  assert.equal(format.figure(120_000, "ms"), "2 min");
  assert.equal(format.figure(0.072, "ratio"), "7.2 %");
  assert.equal(format.figure(7.2, "percent"), "7.2 %");
  assert.equal(format.figure(1097, "per_second"), "1,097/s");
  assert.equal(format.figure(5, null), "5");
});

test("times", () => {
  const at = "2026-01-05T12:03:04.056Z";
  assert.equal(format.dateTime(at, "utc", { millis: true }), "2026-01-05 12:03:04.056");
  assert.equal(format.time(at, "utc", Date.parse("2026-01-05T23:00:00Z")), "12:03:04");
  assert.equal(format.time(at, "utc", Date.parse("2026-01-06T01:00:00Z")), "01-05 12:03:04");
  assert.equal(format.dateTime(Date.parse(at) * 1000, "utc"), "2026-01-05 12:03:04", "microseconds");
  assert.equal(format.fromInput(format.forInput(at, "utc"), "utc"), "2026-01-05T12:03:04.000Z");
  assert.equal(format.fromInput(format.forInput(at, "local"), "local"), "2026-01-05T12:03:04.000Z");
  assert.equal(format.fromInput("", "utc"), null);
});
