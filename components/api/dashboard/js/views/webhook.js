// One webhook: its settings, its deliveries, and what can be done with it.

import { get, now, patch, post, remove, segments } from "../api.js";
import { confirm } from "../dialog.js";
import { fill, h } from "../dom.js";
import { ago, dateTime, duration, number } from "../format.js";
import { icon } from "../icons.js";
import { badge, words } from "../labels.js";
import { pages } from "../pages.js";
import { link, zoneOf } from "../route.js";
import { table } from "../table.js";
import { attempt, toast } from "../toast.js";
import { editWebhook, showSecret } from "./webhook-form.js";

export function mount({ root, app, state }) {
  const id = state.path[1];
  const path = `webhooks/${segments(id)}`;
  const zone = () => zoneOf(app.state);
  const mark = h("span");
  const actions = h("div", { class: "actions" });
  const facts = h("dl", { class: "figures" });
  const rows = table({
    label: "Deliveries",
    columns: columns(zone, again),
    key: (delivery) => delivery.id,
    row: (delivery) => ({ "data-testid": "delivery-row", "data-state": delivery.state, "data-id": delivery.id }),
    empty: "Nothing was sent yet.",
  });
  const shown = pages(`${path}/deliveries`, { size: 30, show: (items) => rows.update(items, { context: zone() }) });
  fill(
    root,
    h(
      "div",
      { class: "head" },
      h("a", { class: "crumb", href: link(["webhooks"]) }, icon("back"), "Webhooks"),
      h("h1", { tabindex: "-1" }, "Webhook"),
      mark,
      actions,
    ),
    h("section", { class: "card", "aria-label": "Settings" }, h("div", { class: "pad" }, facts)),
    h(
      "section",
      { class: "card", "aria-labelledby": "deliveries" },
      h("header", null, h("h2", { id: "deliveries" }, "Deliveries")),
      rows.element,
      shown.element,
    ),
  );
  fill(
    actions,
    button("Test call", "webhook-test", test),
    button("Edit", "webhook-edit", edit),
    button("Disable", "webhook-enable", toggle),
    button("New secret", "webhook-rotate", rotate),
    button("Delete", "webhook-delete", drop, "danger"),
  );
  let hook = null;

  async function refresh(signal) {
    [hook] = await Promise.all([get(path, {}, signal), shown.refresh({}, signal)]);
    show();
  }

  function show() {
    const { quiet_hours: quiet, min_severity: least, enabled, failing_since: failing } = hook;
    fill(mark, badge(enabled ? "enabled" : "disabled"));
    const flip = actions.querySelector('[data-testid="webhook-enable"]');
    if (flip) flip.textContent = enabled ? "Disable" : "Enable";
    const lines = [
      ["Address", hook.url],
      ["Events", hook.events?.map(words).join(", ")],
      ["Services", hook.services?.join(", ") || "all"],
      ["From severity", least || "any"],
      ["Gathers for", hook.group_wait ?? "–"],
      ["Quiet hours", quiet ? `${quiet.from} to ${quiet.to} ${quiet.time_zone}` : "none"],
      ["Description", hook.description || "–"],
      ["Registered", `${dateTime(hook.created_at, zone())} by ${hook.created_by}`],
      ["Waiting", `${number(hook.waiting)} calls`],
      hook.disabled_reason && ["Disabled because", hook.disabled_reason],
      failing && ["Failing since", dateTime(failing, zone())],
    ].filter(Boolean);
    fill(
      facts,
      lines.map(([name, text], place) =>
        h("div", place < 2 && { class: "long" }, h("dt", null, name), h("dd", null, text ?? "–")),
      ),
    );
  }

  async function test(event) {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    await attempt(async () => {
      const { state: outcome, status, error, duration_ms: took } = await post(`${path}/test`, {});
      const answer = status ? `answered ${status}` : error || "was not reached";
      const time = typeof took === "number" ? ` after ${duration(took / 1000)}` : "";
      toast(outcome === "delivered" ? "ok" : "critical", `Test call: the receiver ${answer}${time}.`);
    });
    pressed.disabled = false;
    pressed.focus();
    app.refresh();
  }

  async function again(delivery) {
    const work = () => post(`${path}/deliveries/${segments(delivery.id)}/redeliver`, {});
    if (await attempt(work, "It is sent again.")) app.refresh();
  }

  async function edit() {
    if (hook && (await editWebhook(hook))) app.refresh();
  }

  async function toggle() {
    if (await attempt(() => patch(path, { enabled: !hook.enabled }))) app.refresh();
  }

  async function rotate() {
    const text = "The old secret is void at once: receivers refuse calls until they know the new one.";
    const made = await confirm("New secret", text, "Make a new secret", () => post(`${path}/rotate`, {}));
    if (made) await showSecret(made.secret);
  }

  async function drop() {
    const text = `Nothing is sent to ${hook?.url ?? "it"} any more, and its deliveries are forgotten.`;
    const done = await confirm("Delete webhook", text, "Delete", async () => (await remove(path), true), {
      danger: true,
    });
    if (done) app.go(link(["webhooks"]));
  }

  return { title: "Webhook", refresh, period: () => 3000 };
}

const button = (text, testid, onclick, tone = "") => h("button", { class: tone, "data-testid": testid, onclick }, text);

function columns(zone, again) {
  const incident = ({ incident_id: id }) => (id ? h("a", { href: link(["incidents", id]) }, id.slice(0, 8)) : "–");
  const answer = ({ status, error }) => [status, error].filter(Boolean).join(" · ") || "–";
  const next = ({ next_attempt_at: at }) => (at ? `in ${duration(Math.max(0, (Date.parse(at) - now()) / 1000))}` : "–");
  const press = (delivery) =>
    h("button", { class: "small", "data-testid": "redeliver", onclick: () => again(delivery) }, "Send again");
  return [
    { name: "at", label: "Time", cell: ({ at }) => h("span", { title: ago(at, now()) }, dateTime(at, zone())) },
    { name: "event", label: "Event", cell: ({ event }) => words(event) },
    { name: "incident", label: "Incident", cell: incident },
    { name: "state", label: "State", cell: ({ state }) => badge(state) },
    { name: "answer", label: "Answer", isWrapped: true, cell: answer },
    { name: "attempts", label: "Attempts", isNumber: true, cell: ({ attempts }) => number(attempts) },
    {
      name: "took",
      label: "Took",
      isNumber: true,
      cell: ({ duration_ms: took }) => duration(took == null ? null : took / 1000),
    },
    { name: "next", label: "Next attempt", cell: next },
    { name: "again", label: "", cell: press },
  ];
}
