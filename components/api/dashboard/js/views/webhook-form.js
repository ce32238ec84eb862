// Registers a webhook or changes one, and shows its secret, once.

import { patch, post, segments } from "../api.js";
import { check, dialog, field, form, select } from "../dialog.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { SEVERITIES, words } from "../labels.js";
import { link } from "../route.js";

const EVENTS = ["anomaly_detected", "incident_opened", "incident_updated", "incident_resolved", "high_error_rate"];
const USUAL = ["incident_opened", "incident_resolved"];

/** Asks for a new webhook, registers it, shows its secret, and goes to its page. */
export async function addWebhook(app) {
  const made = await dialog("Add webhook", (close) => edit(close, {}, (body) => post("webhooks", body)));
  if (!made) return;
  await showSecret(made.secret);
  app.go(link(["webhooks", made.id]));
}

/** Changes a webhook. Resolves to it, or to undefined if it was left as it is. */
export function editWebhook(hook) {
  return dialog("Edit webhook", (close) => edit(close, hook, (body) => patch(`webhooks/${segments(hook.id)}`, body)));
}

function edit(close, hook, send) {
  const { events = USUAL, services, min_severity: least, description, group_wait: wait, quiet_hours: quiet } = hook;
  const text = (name, value, more) => h("input", { name, value: value ?? "", autocomplete: "off", ...more });
  const url = text("url", hook.url, {
    type: "url",
    required: true,
    placeholder: "https://example.org/hooks/logd",
    "data-testid": "webhook-url",
  });
  const boxes = EVENTS.map((name) =>
    check({ name: "events", value: name, checked: events.includes(name) }, words(name)),
  );
  const zone = quiet?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const submit = (data) => {
    const chosen = data.getAll("events");
    if (!chosen.length) throw new Error("Choose at least one event.");
    return send(read(data, chosen, Boolean(hook.id)));
  };
  return form(
    close,
    { submit, label: hook.id ? "Save" : "Register", testid: "webhook-save" },
    field("Address", url, "Called with POST, signed as Standard Webhooks have it."),
    h("fieldset", null, h("legend", { class: "legend-text" }, "Events"), boxes),
    h(
      "div",
      { class: "pair" },
      field("From severity", select({ name: "min_severity" }, [["", "Any"], ...SEVERITIES], least)),
      field("Services", text("services", services?.join(", ")), "Names with commas between; empty: all"),
    ),
    field("Description", text("description", description, { maxlength: 200 })),
    h(
      "div",
      { class: "pair" },
      field("Gather for", text("group_wait", wait, { placeholder: "30s" }), "Changes within this time are one call"),
      field("Quiet hours in", text("time_zone", zone)),
    ),
    h(
      "div",
      { class: "pair" },
      field("Quiet from", text("quiet_from", quiet?.from, { type: "time" }), "Empty: no quiet hours"),
      field("Quiet until", text("quiet_to", quiet?.to, { type: "time" })),
    ),
  );
}

/** What the form says. A change names all, so that what was emptied is taken away; a new one only what is set. */
function read(data, events, isChange) {
  const text = (name) => String(data.get(name) ?? "").trim() || null;
  const services = (text("services") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const [from, to] = [text("quiet_from"), text("quiet_to")];
  if (Boolean(from) !== Boolean(to)) throw new Error("Quiet hours need a start and an end.");
  const body = {
    url: text("url"),
    events,
    services: services.length ? services : null,
    min_severity: text("min_severity"),
    description: text("description"),
    group_wait: text("group_wait"),
    quiet_hours: from ? { from, to, time_zone: text("time_zone") ?? "UTC" } : null,
  };
  return isChange ? body : Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

/** Shows a secret, which nobody can see again later. */
export function showSecret(secret) {
  return dialog("The webhook's secret", (close) => {
    const shown = h("input", {
      readonly: true,
      value: secret,
      "aria-label": "Secret",
      "data-testid": "webhook-secret",
      onfocus: () => shown.select(),
    });
    const said = h("span", { class: "muted", role: "status" });
    const copy = async () => {
      shown.select();
      try {
        await navigator.clipboard.writeText(secret);
        said.textContent = "Copied.";
      } catch {
        said.textContent = "This browser does not let a page copy here: use its own copy command.";
      }
    };
    return [
      h(
        "p",
        null,
        "With it the receiver checks that a call is from here. It is shown only now: keep it where it is safe.",
      ),
      h("div", { class: "secret" }, shown, h("button", { onclick: copy }, icon("copy"), "Copy")),
      said,
      h("div", { class: "actions end" }, h("button", { class: "primary", onclick: () => close() }, "Done")),
    ];
  });
}
