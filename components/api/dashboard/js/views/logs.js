// The logs: full-text search, histogram, and the live tail.

import { get, now } from "../api.js";
import { chart } from "../chart.js";
import { arrows, fill, h, keyed, say } from "../dom.js";
import { filters } from "../filters.js";
import { number } from "../format.js";
import { icon } from "../icons.js";
import { LEVELS } from "../labels.js";
import { logRow } from "../log-row.js";
import { tail } from "../log-tail.js";
import { pages } from "../pages.js";
import { isMoving, range, step, zoneOf } from "../route.js";

const PAGE = 100;
// Fewer where there is less room.
const bars = () => (innerWidth < 760 ? 40 : 80);
const USUAL = { topics: "metrics,anomalies" };

export function mount({ root, app, state }) {
  const zone = () => zoneOf(app.state);
  const pick = (name) => app.state.query.get(name);
  const input = h("input", {
    type: "search",
    name: "q",
    placeholder: 'timeout AND user_id:42, "connection refused"',
    "aria-label": "Search logs",
    "data-testid": "log-search",
    "data-search": true,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const chosen = filters(app, [
    { name: "service", label: "Service" },
    { name: "level", label: "Level", options: LEVELS },
  ]);
  const live = h("button", { type: "button", "data-testid": "log-tail", onclick: toggle }, icon("play"), "Live tail");
  const again = h("button", { type: "button", onclick: () => app.refresh() }, "Refresh");
  const told = h("span", { class: "muted", "aria-live": "polite" });
  const rows = h("div", { class: "logs" });
  const none = h("p", { class: "none muted", hidden: true }, "No logs match in this range.");
  const histogram = chart({ title: "Logs over time", metric: "histogram", zone, onZoom, isLow: true, isBars: true });
  const found = pages("logs", { size: PAGE, show });
  const searched = pages("logs/search", { size: PAGE, show });
  arrows(rows, "summary");
  const form = h(
    "form",
    { class: "filters", role: "search", onsubmit: submit },
    h(
      "div",
      { class: "field search" },
      h("label", null, "Search"),
      h("div", { class: "query" }, icon("search"), input),
    ),
    chosen.parts,
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Search"), live),
  );
  input.id = "log-search";
  form.querySelector("label").htmlFor = input.id;
  fill(
    root,
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Logs")),
    form,
    histogram.element,
    h(
      "section",
      { class: "card", "aria-labelledby": "results" },
      h("header", null, h("h2", { id: "results" }, "Results"), told, h("div", { class: "actions" }, again)),
      rows,
      none,
      found.element,
      searched.element,
    ),
  );

  let following = null;

  function submit(event) {
    event.preventDefault();
    app.set({ q: input.value.trim() });
    app.refresh();
  }

  function toggle() {
    app.set({ tail: pick("tail") ? null : "1" }, true);
  }

  function onZoom(from, to) {
    app.set({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), tail: null });
  }

  /** Narrows the search to logs whose field has this value. */
  function onPick(field, value) {
    const term = `${field}:"${value.replace(/(["\\])/g, "\\$1")}"`;
    app.set({ q: [pick("q"), term].filter(Boolean).join(" AND ") });
  }

  function show(logs) {
    keyed(
      rows,
      logs,
      (log) => log.id,
      (log) => logRow(log, { zone: zone(), onPick }),
      zone(),
    );
    none.hidden = logs.length > 0;
  }

  const isTailing = () => Boolean(pick("tail")) && isMoving(app.state);

  /** Begins or ends the tail. A search is followed by asking again: the stream knows no queries. */
  const follow = () => {
    const filter = { service: pick("service") ?? "", level: pick("level") ?? "" };
    const wanted = isTailing() && !pick("q") ? JSON.stringify(filter) : null;
    live.setAttribute("aria-pressed", String(isTailing()));
    live.disabled = !isMoving(app.state);
    live.title = isMoving(app.state) ? "Show logs as they come" : "Only for a range that ends now";
    again.hidden = isTailing();
    if (following && following.wanted !== wanted) {
      following.close();
      following = null;
    }
    if (wanted && !following) {
      following = { wanted, hasBegun: false, ...tail(app.stream, { isPaused: app.isPaused, show, told: count }) };
    }
    app.stream.want(wanted ? { topics: "metrics,anomalies,logs", ...filter } : USUAL);
    // What came while it was paused.
    if (!app.isPaused()) following?.flush();
  };

  const count = ({ waiting, skipped }) => {
    const parts = [
      waiting ? `${number(waiting)} new ones wait` : null,
      skipped ? `${number(skipped)} more came than can be shown` : null,
    ];
    say(told, parts.filter(Boolean).join(", ") || "Following");
  };

  const refresh = async (signal) => {
    const seen = range(app.state, now());
    const { from, to } = seen;
    const q = pick("q");
    const query = { from, to, service: pick("service"), level: pick("level") };
    const counted = get("logs/histogram", { q, ...query, step: `${step(seen, bars())}s` }, signal);
    const services = get("services", { limit: 1000 }, signal);
    // Each is awaited below; one that fails first must not leave the others unheard.
    for (const promise of [counted, services]) promise.catch(() => {});
    const tailing = following;
    if (tailing) {
      found.element.hidden = searched.element.hidden = true;
      if (!tailing.hasBegun) {
        const page = await get("logs", { ...query, limit: PAGE }, signal);
        tailing.hasBegun = true;
        tailing.begin(page.items);
      }
    } else {
      await (q ? searched.refresh({ q, ...query }, signal) : found.refresh(query, signal));
      (q ? found : searched).element.hidden = true;
      say(told, isTailing() ? "Asked again every few seconds" : "");
    }
    draw(await counted, seen);
    chosen.offer(
      "service",
      (await services).items.map((item) => item.service_name),
    );
  };

  const draw = ({ time, total, errors }, { start, end }) => {
    const lines = [
      { label: "All", time, value: total, colour: "bar" },
      { label: "Errors", time, value: errors, colour: "critical" },
    ];
    const note = app.metrics?.left_out_logs ? "Of the logs that were indexed" : "";
    histogram.update({ from: start, to: end, lines, note });
  };

  const update = (next) => {
    chosen.update(next);
    if (document.activeElement !== input) input.value = next.query.get("q") ?? "";
    follow();
  };

  const close = () => {
    following?.close();
    app.stream.want(USUAL);
    histogram.close();
  };

  update(state);
  if (state.query.has("focus")) {
    queueMicrotask(() => input.focus());
    app.set({ focus: null }, true);
  }
  return {
    title: "Logs",
    refresh,
    update,
    close,
    period: () => (pick("q") ? 3000 : 5000),
    // Without the tail nothing moves under the reader's eyes.
    get isStill() {
      return !isTailing();
    },
  };
}
