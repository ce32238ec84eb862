// The frame around the views: navigation, status, range, zone, pause, theme, account.

import { fill, h, say } from "./dom.js";
import { icon, mark } from "./icons.js";
import { help } from "./keys.js";
import { picker } from "./range.js";
import { isPaused, zoneOf } from "./route.js";
import { status } from "./status.js";
import * as theme from "./theme.js";

const PLACES = [
  ["overview", "Overview"],
  ["incidents", "Incidents"],
  ["logs", "Logs"],
  ["pipelines", "Pipelines"],
  ["webhooks", "Webhooks"],
];
// Views that have no entry of their own belong to one that has.
const BELONGS = { services: "overview" };

/** Builds the frame; the view goes into `main`. */
export function shell(root, app) {
  const items = new Map();
  const count = h("span", { class: "count", hidden: true });
  for (const [name, text] of PLACES) {
    // The API shows them to admins only.
    if (name === "webhooks" && !app.isAdmin) continue;
    const extra = name === "incidents" ? count : null;
    items.set(name, h("a", { class: "item", href: `#/${name}` }, icon(name), h("span", null, text), extra));
  }
  const nav = h("nav", { class: "side", "aria-label": "Main" }, brand(), [...items.values()]);
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h("a", { class: "skip", href: "#main", onclick: (event) => focus(event, main) }, "Skip to content");

  const line = status(app);
  const ranges = picker(app);
  const zone = h("button", { onclick: () => actions.zone() });
  const pause = h("button", { class: "square", onclick: () => actions.pause() });
  const look = h("button", { class: "square plain", onclick: () => actions.theme() });
  const account = menu(app);
  const actions = {
    zone: () => {
      const next = zoneOf(app.state) === "utc" ? "local" : "utc";
      theme.store("logd.zone", next);
      app.set({ tz: next }, true);
    },
    pause: () => app.set({ paused: app.isPaused() ? null : "1" }, true),
    theme: theme.toggle,
  };
  const bar = h(
    "header",
    { class: "bar" },
    brand(),
    line.element,
    h("div", { class: "controls" }, ranges.element, zone, pause),
    h("div", { class: "who" }, look, account),
  );
  fill(root, skip, h("div", { class: "shell" }, nav, h("div", null, bar, main)));

  const paint = () => {
    const dark = theme.isDark();
    fill(look, icon(dark ? "sun" : "moon"));
    named(look, dark ? "Light theme" : "Dark theme");
  };
  theme.changes.addEventListener("change", paint);
  paint();

  const update = (state) => {
    const here = state.path[0] ?? "overview";
    for (const [name, item] of items) {
      if (name === (BELONGS[here] ?? here)) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
    ranges.update(state);
    say(zone, zoneOf(state) === "utc" ? "UTC" : "Local");
    zone.setAttribute("aria-label", `Times are ${zoneOf(state) === "utc" ? "UTC" : "local"}; change`);
    fill(pause, icon(isPaused(state) ? "play" : "pause"));
    named(pause, isPaused(state) ? "Go on" : "Pause");
    pause.setAttribute("aria-pressed", String(isPaused(state)));
    line.tick();
  };
  const metrics = ({ open_incidents: open }) => {
    count.hidden = !open;
    say(count, String(open ?? ""));
    count.setAttribute("aria-label", `${open} open`);
  };
  const timer = setInterval(line.tick, 1000);
  const close = () => {
    clearInterval(timer);
    theme.changes.removeEventListener("change", paint);
  };
  return { main, update, metrics, close, actions };
}

const brand = () => h("a", { class: "brand", href: "#/overview" }, mark(), "logd");

function named(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}

function focus(event, main) {
  // The address is the view's: a link to a fragment would change it.
  event.preventDefault();
  main.focus();
}

function menu(app) {
  const { username, role, services, pipelines } = app.me;
  const bounds = [
    services ? `Services: ${services.join(", ") || "none"}` : null,
    pipelines ? `Pipelines: ${pipelines.join(", ") || "none"}` : null,
  ];
  const close = () => (element.open = false);
  const item = (text, act) => h("button", { onclick: () => (close(), act()) }, text);
  const list = h(
    "div",
    { class: "list" },
    h(
      "div",
      { class: "who-is" },
      h("div", null, h("strong", null, username)),
      h("div", { class: "muted" }, `Role: ${role}`),
      bounds.filter(Boolean).map((text) => h("div", { class: "muted" }, text)),
    ),
    app.isAdmin ? h("a", { href: "#/audit", onclick: close }, "Audit log") : null,
    h("a", { href: "api/docs", target: "_blank", rel: "noopener" }, "API documentation"),
    item("Keys", help),
    h("button", { "data-testid": "sign-out", onclick: app.signOut }, "Sign out"),
  );
  const element = h(
    "details",
    { class: "menu" },
    h("summary", { "aria-label": `Account: ${username}`, "data-testid": "account" }, icon("user"), name(username)),
    list,
  );
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    close();
    element.querySelector("summary").focus();
  });
  element.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !element.contains(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!element.contains(event.target)) close();
  });
  return element;
}

const name = (text) => h("span", { class: "name" }, text);
