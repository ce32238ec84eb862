import assert from "node:assert/strict";
import test from "node:test";

import { apart } from "../js/views/related.js";

test("which of two incidents was first", () => {
  const own = "2026-11-23T14:00:00.000Z";
  assert.equal(apart("2026-11-23T13:58:30.000Z", own), "1 min 30 s before this one");
  assert.equal(apart("2026-11-23T14:00:20.000Z", own), "20 s after this one");
  assert.equal(apart(own, own), "at the same time");
});
