import assert from "node:assert/strict";
import test from "node:test";

import * as route from "../js/route.js";

const state = (hash, before = null) => route.complete(route.parse(hash), before, "local");

test("an address survives a round trip", () => {
  const hash = route.link(["services", "a/b ü?#"], { q: 'level:"x" & y', range: "6h", tz: "utc" });
  const { path, query } = route.parse(hash);
  assert.deepEqual(path, ["services", "a/b ü?#"]);
  assert.equal(query.get("q"), 'level:"x" & y');
  assert.equal(route.write(route.parse(hash)), hash);
  assert.deepEqual(route.parse("#/a/%E0%A4%A").path, ["a", "%E0%A4%A"], "a broken escape is no error");
});

test("a link takes range, zone and pause along", () => {
  const before = state("#/logs?range=6h&tz=utc&paused=1&q=x");
  assert.equal(route.write(state("#/incidents", before)), "#/incidents?range=6h&tz=utc&paused=1");
  const fixed = state("#/logs?from=2026-01-05T00:00:00Z&to=2026-01-05T01:00:00Z", before);
  assert.equal(fixed.query.has("range"), false);
  assert.equal(state("#/overview", fixed).query.get("from"), "2026-01-05T00:00:00Z");
});

test("a range that is none gives way to the usual one", () => {
  for (const query of [
    "",
    "range=2y",
    "from=x&to=y",
    "from=2026-01-05T01:00:00Z&to=2026-01-05T00:00:00Z",
    "range=toString",
  ]) {
    assert.equal(state(`#/logs?${query}`).query.get("range"), "1h", query);
  }
  assert.equal(state("#/logs?tz=mars").query.get("tz"), "local");
});

test("a change takes away what it contradicts", () => {
  const fixed = state("#/logs?from=2026-01-05T00:00:00Z&to=2026-01-05T01:00:00Z&paused=1");
  assert.equal(route.write(route.changed(fixed, { range: "1h", paused: null })), "#/logs?tz=local&range=1h");
  const moving = route.changed(state("#/logs"), { from: "a", to: "b" });
  assert.equal(moving.query.has("range"), false);
});

test("steps keep the number of points small", () => {
  for (const seconds of [1, 900, 3600, 86_400, 604_800, 1e9]) {
    const step = route.step({ start: 0, end: seconds * 1000 });
    assert.ok(step >= 1 && seconds / step <= 240, `${seconds} s in steps of ${step} s`);
  }
  assert.equal(route.step({ start: 0, end: 3_600_000 }), 15);
});
