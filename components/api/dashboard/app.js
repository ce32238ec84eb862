// The dashboard: who is signed in, which view the address names, and what the stream brings.

import * as api from "./js/api.js";
import { fill, h } from "./js/dom.js";
import { keys } from "./js/keys.js";
import { login } from "./js/login.js";
import * as route from "./js/route.js";
import { shell } from "./js/shell.js";
import { Stream } from "./js/stream.js";
import { store, stored } from "./js/theme.js";
import { toast } from "./js/toast.js";

const VIEWS = {
  overview: () => import("./js/views/overview.js"),
  services: () => import("./js/views/service.js"),
  incidents: () => import("./js/views/incidents.js"),
  logs: () => import("./js/views/logs.js"),
  pipelines: () => import("./js/views/pipelines.js"),
  webhooks: () => import("./js/views/webhooks.js"),
  audit: () => import("./js/views/audit.js"),
};

const root = document.getElementById("app");

/** What the frame and the views share. */
const app = {
  me: null,
  isAdmin: false,
  state: null,
  stream: null,
  /** The last answer of `/metrics`, also while paused. */
  metrics: null,
  isPaused: () => route.isPaused(app.state),
  /** Goes to an address. */
  go: (hash) => (location.hash = hash),
  /** Changes what the query says; `quietly` leaves no step for the back button. */
  set(values, quietly = false) {
    const hash = route.write(route.changed(app.state, values));
    if (hash === location.hash) return;
    history[quietly ? "replaceState" : "pushState"](null, "", hash);
    show(route.parse(hash));
  },
  /** Fetches anew what the view shows, soon. */
  refresh: () => refresh(),
  async signOut() {
    await api.signOut().catch(() => {});
    end();
  },
};

let frame = null;
/** The view that is shown: `key`, the view itself, and where its problems are told. */
let shown = null;
let isEnding = false;

// Set while somebody is signed in here: without it nobody needs to be asked, and no refusal stands in the console.
const SIGNED_IN = "logd.signed-in";

async function start() {
  let me = null;
  try {
    if (stored(SIGNED_IN) === "1") me = await api.me();
  } catch (error) {
    if (error.status !== 401) return unreachable(error);
  }
  begin(me ?? (await login(root)));
}

function unreachable(error) {
  const again = h("button", { onclick: start }, "Try again");
  const problem = h("div", { class: "problem", role: "alert" }, h("p", null, error.message), again);
  fill(root, h("main", { class: "login" }, problem));
}

function begin(me) {
  store(SIGNED_IN, "1");
  app.me = me;
  app.isAdmin = me.role === "admin";
  app.state = route.complete(route.parse(location.hash), null, stored("logd.zone") === "utc" ? "utc" : "local");
  app.stream = new Stream(() => end("Your session has ended. Sign in again."));
  frame = shell(root, app);
  app.stream.addEventListener("metrics", ({ detail }) => metrics(detail));
  app.stream.addEventListener("anomaly", ({ detail }) => anomaly(detail));
  app.stream.addEventListener("reopened", refresh);
  app.stream.open();
  api.get("metrics").then(metrics, () => {});
  follow();
}

/** The session is over, or its user wants it to be. */
async function end(note) {
  if (isEnding || !app.me) return;
  isEnding = true;
  store(SIGNED_IN, "0");
  app.stream.close();
  close();
  frame.close();
  Object.assign(app, { me: null, metrics: null });
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const me = await login(root, note);
  isEnding = false;
  begin(me);
}

function metrics(values) {
  if (!app.me) return;
  app.metrics = values;
  frame.metrics(values);
  if (!app.isPaused()) shown?.view.metrics?.(values);
}

let told = 0;

function anomaly(event) {
  if (event.state === "open" && Date.now() - told > 1000) {
    told = Date.now();
    tellOf(event);
  }
  if (app.isPaused()) return;
  shown?.view.anomaly?.(event);
  soon(500);
}

/** Says that an incident has begun, unless somebody wants silence. */
async function tellOf({ incident_id: id, severity, type, service }) {
  const incident = await api.get(`incidents/${api.segments(id)}`).catch(() => null);
  if (!app.me || !incident || incident.silenced) return;
  const text = `${severity} ${type.replaceAll("_", " ")} in ${service || "unknown service"}`;
  const more = h("a", { href: route.link(["incidents", id]) }, "Open the incident");
  toast(severity, h("div", null, h("strong", null, `New incident: ${text}`)), more);
}

/** Shows what the address says, completed by what it leaves open. */
function follow() {
  if (!app.me) return;
  const state = route.complete(route.parse(location.hash), app.state, "local");
  const hash = route.write(state);
  if (hash !== location.hash) history.replaceState(null, "", hash);
  show(state);
}

async function show(state) {
  app.state = state;
  frame.update(state);
  const name = state.path[0] ?? "overview";
  const key = state.path.join("/") || name;
  if (shown?.key === key) {
    shown.view.update?.(state);
    return refresh();
  }
  close();
  const place = { key, view: {}, problem: h("div", { role: "alert" }), body: h("div", { class: "view" }) };
  shown = place;
  const module = await (VIEWS[name] ?? VIEWS.overview)().catch(() => null);
  if (shown !== place) return;
  if (!module) return tell(place, new Error("This view can't be loaded. Reload the page."));
  place.view = module.mount({ root: place.body, app, state });
  document.title = `${place.view.title} – logd`;
  fill(frame.main, place.problem, place.body);
  scrollTo(0, 0);
  // For those who hear the page: where they are now. A field that the view has chosen keeps the focus.
  if (!place.body.contains(document.activeElement)) place.body.querySelector("h1")?.focus({ preventScroll: true });
  refresh();
}

function close() {
  clearTimeout(timer);
  shown?.abort?.abort();
  shown?.view.close?.();
  shown = null;
}

let timer = 0;

/** Fetches anew what is shown, and again and again while the range moves and nobody has paused. */
async function refresh() {
  clearTimeout(timer);
  const place = shown;
  if (!place?.view.refresh) return;
  place.abort?.abort();
  const abort = new AbortController();
  place.abort = abort;
  try {
    await place.view.refresh(abort.signal);
    if (!abort.signal.aborted) fill(place.problem);
  } catch (error) {
    if (abort.signal.aborted) return;
    tell(place, error);
  }
  if (!abort.signal.aborted) soon(place.view.period?.(app.state) ?? route.period(app.state));
}

function soon(delay) {
  clearTimeout(timer);
  if (shown?.view.isStill) return;
  timer = setTimeout(() => {
    // A view with a period of its own shows what is now, whatever the range.
    if (app.isPaused() || !(route.isMoving(app.state) || shown?.view.period)) return;
    if (document.hidden) soon(2000);
    else refresh();
  }, delay);
}

function tell(place, error) {
  if (!(error instanceof api.Problem)) console.error(error);
  const again = h("button", { class: "small", onclick: refresh }, "Try again");
  fill(place.problem, h("div", { class: "problem" }, h("p", null, error.message), again));
}

addEventListener("hashchange", follow);
api.onUnauthorized(() => end("Your session has ended. Sign in again."));
keys(app, {
  pause: () => frame.actions.pause(),
  zone: () => frame.actions.zone(),
  theme: () => frame.actions.theme(),
});
start();
