// Sparklines in a table: fetched only for rows that are seen, few at a time, and not more often than they change.

import { get, now, segments } from "./api.js";
import { finished } from "./chart-data.js";
import { fill, h, svg } from "./dom.js";
import { step } from "./route.js";

const AT_ONCE = 3;
const POINTS = 48;
const [WIDTH, HEIGHT] = [76, 22];

/** The path of values, as wide as the box and scaled to its height; a gap where there is none. */
export function paths(values) {
  const most = Math.max(...values.map((value) => value ?? 0)) || 1;
  const at = (value, index) => {
    const x = (index / Math.max(1, values.length - 1)) * WIDTH;
    return `${x.toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`;
  };
  const runs = [];
  values.forEach((value, index) => {
    if (value === null || value === undefined) return;
    const isNew = index === 0 || (values[index - 1] ?? null) === null;
    if (isNew) runs.push([]);
    runs.at(-1).push(at(value, index));
  });
  const line = runs.map((run) => `M${run.join("L")}`).join("");
  const foot = (point) => `${point.split(" ")[0]} ${HEIGHT}`;
  const area = runs.map((run) => `M${foot(run[0])}L${run.join("L")}L${foot(run.at(-1))}Z`).join("");
  return { line, area };
}

/** The sparklines of one table. `of(service, kind)` gives the element; `kind` is `logs` or `latency`. */
export function sparks() {
  const all = new Map();
  const metrics = new Map();
  const waiting = new Set();
  let running = 0;
  let window = null;
  const abort = new AbortController();
  let pausedUntil = 0;

  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const spark = target.logdSpark;
      spark.isSeen = isIntersecting;
      if (isIntersecting) want(spark);
    }
  });

  const of = (service, kind) => {
    const name = `${kind} ${service}`;
    if (!all.has(name)) {
      const element = h("span", { class: kind === "logs" ? "spark" : "spark second", "aria-hidden": "true" });
      const spark = { service, kind, element, isSeen: false, at: 0 };
      element.logdSpark = spark;
      all.set(name, spark);
      seen.observe(element);
    }
    return all.get(name).element;
  };

  /** Says which range is shown now, and fetches what is older than `age` milliseconds. */
  const refresh = (next, age) => {
    const isOther = window?.from !== next.from || window?.to !== next.to;
    window = next;
    for (const spark of all.values()) {
      if (isOther) spark.at = 0;
      if (!spark.element.isConnected) spark.isSeen = false;
      if (spark.isSeen && Date.now() - spark.at >= age) want(spark);
    }
  };

  const want = (spark) => {
    if (!window || (spark.at && Date.now() - spark.at < 5000)) return;
    waiting.add(spark);
    pump();
  };

  const pump = async () => {
    if (running >= AT_ONCE || Date.now() < pausedUntil) return;
    const [spark] = waiting;
    if (!spark) return;
    waiting.delete(spark);
    running += 1;
    spark.at = Date.now();
    try {
      await draw(spark);
    } catch (error) {
      // Too many requests: the numbers matter more than these.
      if (error.status === 429) pausedUntil = Date.now() + 30_000;
    }
    running -= 1;
    pump();
  };

  const draw = async ({ service, kind, element }) => {
    const { signal } = abort;
    const metric = kind === "logs" ? "logs" : await latency(service, signal);
    if (!metric) return;
    const query = { metric, from: window.from, to: window.to, step: `${step(window, POINTS)}s` };
    const answer = await get(`services/${segments(service)}/series`, query, signal);
    const { value } = kind === "logs" ? finished(answer, now()) : answer;
    if (!value.some((one) => one !== null)) return fill(element);
    const { line, area } = paths(value);
    const parts = [svg("path", { class: "area", d: area }), svg("path", { d: line })];
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, preserveAspectRatio: "none" };
    fill(element, svg("svg", box, parts));
  };

  /** The service's measure of latency: what a detector judges comes first. */
  const latency = async (service, signal) => {
    if (!metrics.has(service)) {
      const { metrics: list = [] } = await get(`services/${segments(service)}`, {}, signal);
      const found = list.filter(({ name }) => /latency|response_time/.test(name));
      metrics.set(service, (found.find(({ detector }) => detector) ?? found[0])?.name ?? null);
    }
    return metrics.get(service);
  };

  const close = () => {
    abort.abort();
    waiting.clear();
    seen.disconnect();
  };
  return { of, refresh, close };
}
