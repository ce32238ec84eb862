import assert from "node:assert/strict";
import test from "node:test";

import { BOX, layout, rateOf } from "../js/graph.js";

const component = (name, kind) => ({ name: `demo/${name}`, kind, received_rate: 7 });
const edge = (from, to, more) => ({ from: `demo/${from}`, to: `demo/${to}`, ...more });
const demo = {
  id: "demo",
  components: [
    component("in", "source"),
    component("parsed", "transform"),
    component("window", "transform"),
    component("latency", "transform"),
    component("alarms", "sink"),
    component("api", "sink"),
  ],
  edges: [
    edge("in", "parsed"),
    edge("parsed", "window"),
    edge("window", "latency"),
    edge("latency", "alarms", { port: "anomalies" }),
    edge("latency", "api", { rate: 3 }),
    edge("parsed", "api"),
  ],
};

test("every edge goes to the right, and sinks stand last", () => {
  const { nodes, edges, width } = layout(demo);
  for (const { from, to } of edges) assert.ok(from.x < to.x, `${from.name} → ${to.name}`);
  for (const { component, x } of nodes) if (component.kind === "sink") assert.equal(x, width - BOX.width);
});

test("no line runs through a box, and no box lies on another", () => {
  const { nodes, edges } = layout(demo);
  for (const { points } of edges) {
    for (let at = 1; at + 1 < points.length; at += 2) {
      const [[x, y]] = points.slice(at);
      for (const node of nodes) assert.ok(node.x !== x || y < node.y || y > node.y + node.height, node.name);
    }
  }
  for (const one of nodes) {
    for (const other of nodes) {
      if (one === other || one.x !== other.x) continue;
      assert.ok(one.y + one.height <= other.y || other.y + other.height <= one.y, `${one.name}, ${other.name}`);
    }
  }
});

test("a rate is the API's, or follows from the only input, or is not known", () => {
  const { edges } = layout(demo);
  const rate = (from, to) =>
    rateOf(
      edges.find((one) => one.from.name.endsWith(from) && one.to.name.endsWith(to)),
      edges,
    );
  assert.equal(rate("latency", "api"), 3);
  assert.equal(rate("in", "parsed"), 7);
  assert.equal(rate("parsed", "api"), null);
});

test("strange graphs have a layout, too", () => {
  const twice = { id: "x", components: [component("a"), component("b")], edges: [edge("a", "b"), edge("b", "a")] };
  for (const graph of [{ id: "x" }, { id: "x", components: [], edges: [edge("a", "b")] }, twice]) {
    const { nodes, width, height } = layout(graph);
    assert.ok(width > 0 && height > 0);
    for (const { x, y } of nodes) assert.ok(Number.isFinite(x + y));
  }
  assert.ok(layout({ id: "x", edges: [edge("a", "b")] }).nodes.every((node) => node.isOther));
});
