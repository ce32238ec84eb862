// What is seen stands in the address, behind `#`: `#/incidents/4f2a?range=1h&tz=utc`. No DOM here.
//
// A link names only what is its own: range, time zone and pause are taken along from where one was.

/** The ranges that end now, in seconds. */
export const RANGES = { "15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800 };

const DEFAULT_RANGE = "1h";
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];

/** Reads what stands behind `#`. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place: path as a list, query as an object; null and "" are left out. */
export function link(path, query = {}) {
  const wanted = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(wanted).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** The address of a state. */
export function write({ path, query }) {
  return link(path, Object.fromEntries(query));
}

/** Adds what a link does not name: from `before`, or else the defaults. */
export function complete(state, before, zone) {
  const query = new URLSearchParams(state.query);
  const take = (name) => {
    const value = before?.query.get(name);
    if (value && !query.has(name)) query.set(name, value);
  };
  if (!isRange(query)) {
    for (const name of ["range", "from", "to"]) query.delete(name);
    for (const name of ["range", "from", "to"]) take(name);
    if (!isRange(query)) query.set("range", DEFAULT_RANGE);
  }
  if (!["utc", "local"].includes(query.get("tz"))) query.delete("tz");
  take("tz");
  if (!query.has("tz")) query.set("tz", zone);
  take("paused");
  return { path: state.path, query };
}

function isRange(query) {
  if (query.has("range")) return Object.hasOwn(RANGES, query.get("range")) && !query.has("from");
  const [from, to] = [query.get("from"), query.get("to")].map((text) => Date.parse(text ?? ""));
  return from < to;
}

/** A copy with other values in its query; null takes one away. */
export function changed(state, values) {
  const query = new URLSearchParams(state.query);
  if ("range" in values) for (const name of ["from", "to"]) query.delete(name);
  if ("from" in values) query.delete("range");
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  return { path: state.path, query };
}

/** Whether it ends now. */
export function isMoving(state) {
  return state.query.has("range");
}

/** The range as the API takes it, and its ends in milliseconds. */
export function range(state, now) {
  const name = state.query.get("range");
  if (name) return { from: `-${name}`, to: "now", start: now - RANGES[name] * 1000, end: now };
  const [from, to] = [state.query.get("from"), state.query.get("to")];
  return { from, to, start: Date.parse(from), end: Date.parse(to) };
}

/** A step, in seconds, that gives at most `points` points. */
export function step({ start, end }, points = 240) {
  const wanted = (end - start) / 1000 / points;
  return STEPS.find((step) => step >= wanted) ?? STEPS.at(-1) * Math.ceil(wanted / STEPS.at(-1));
}

/** How often what is shown is fetched anew, in milliseconds: the longer the range, the slower it changes. */
export function period(state) {
  const seconds = RANGES[state.query.get("range")] ?? 3600;
  return Math.min(60_000, Math.max(5000, (seconds / 720) * 1000));
}

export const zoneOf = (state) => state.query.get("tz");
export const isPaused = (state) => state.query.get("paused") === "1";
