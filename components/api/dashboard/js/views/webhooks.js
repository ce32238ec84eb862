// The webhooks: who is called when something happens; and the silences. One webhook is shown by its own view.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { badge, words } from "../labels.js";
import { link, zoneOf } from "../route.js";
import { table } from "../table.js";
import { addWebhook } from "./webhook-form.js";
import { mount as mountOne } from "./webhook.js";
import { silences } from "./silences.js";

const MOST = 200;
const COLUMNS = [
  {
    name: "url",
    label: "Address",
    isWrapped: true,
    cell: (hook) => [
      h("a", { class: "service", href: link(["webhooks", hook.id]) }, hook.url),
      hook.description ? h("div", { class: "muted" }, hook.description) : null,
    ],
  },
  {
    name: "events",
    label: "Events",
    isWrapped: true,
    cell: ({ events = [] }) =>
      h(
        "span",
        { class: "events" },
        events.map((event) => h("span", { class: "badge" }, words(event))),
      ),
  },
  { name: "services", label: "Services", isWrapped: true, cell: ({ services }) => services?.join(", ") || "all" },
  { name: "severity", label: "From severity", cell: ({ min_severity: least }) => (least ? badge(least) : "any") },
  {
    name: "state",
    label: "State",
    isWrapped: true,
    cell: (hook) => {
      const { enabled, disabled_reason: why, failing_since: since } = hook;
      const state = enabled ? (since ? badge("failed", "failing") : badge("enabled")) : badge("disabled");
      return [state, why ? h("div", { class: "muted" }, why) : null];
    },
  },
];

export function mount(place) {
  if (!place.app.isAdmin) return refuse(place.root);
  return place.state.path.length > 1 ? mountOne(place) : mountList(place);
}

/** The address may be one that an admin has given. */
function refuse(root) {
  fill(root, h("h1", { tabindex: "-1" }, "Webhooks"), h("p", { class: "card none muted" }, "Only admins see webhooks."));
  return { title: "Webhooks" };
}

function mountList({ root, app }) {
  const view = table({
    label: "Webhooks",
    columns: COLUMNS,
    key: (hook) => hook.id,
    row: (hook) => ({ "data-testid": "webhook-row", "data-id": hook.id }),
    empty: "No webhook is registered.",
  });
  const quiet = silences(app);
  const add = h(
    "button",
    { class: "primary", "data-testid": "webhook-add", onclick: () => addWebhook(app) },
    icon("add"),
    "Add webhook",
  );
  fill(
    root,
    h(
      "div",
      { class: "head" },
      h("h1", { tabindex: "-1" }, "Webhooks"),
      h("div", { class: "actions" }, add),
    ),
    h("section", { class: "card", "aria-label": "Webhooks" }, view.element),
    quiet.element,
  );
  const refresh = async (signal) => {
    const [hooks, silenced] = await Promise.all([
      get("webhooks", { limit: MOST }, signal),
      get("silences", { limit: MOST }, signal),
    ]);
    view.update(hooks.items);
    quiet.update(silenced.items, zoneOf(app.state));
  };
  return { title: "Webhooks", refresh, period: () => 10_000 };
}
