// Silences: incidents that match one are found and kept, but nobody is called.

import { now, post, remove, segments } from "../api.js";
import { confirm, dialog, field, form, select } from "../dialog.js";
import { h } from "../dom.js";
import { dateTime, forInput, fromInput } from "../format.js";
import { icon } from "../icons.js";
import { badge, TYPES, words } from "../labels.js";
import { zoneOf } from "../route.js";
import { table } from "../table.js";
import { attempt, toast } from "../toast.js";

const HOUR = 3_600_000;

/** The card with the list. */
export function silences(app) {
  let zone = "local";
  const end = (silence) =>
    h("button", { class: "small", "data-testid": "silence-end", onclick: () => drop(app, silence) }, "Remove");
  const columns = [
    { name: "what", label: "What", isWrapped: true, cell: matched },
    {
      name: "state",
      label: "State",
      cell: ({ active }) => badge(active ? "active" : "disabled", active ? "active" : "not now"),
    },
    { name: "from", label: "From", cell: ({ from }) => dateTime(from, zone) },
    { name: "to", label: "Until", cell: ({ to }) => dateTime(to, zone) },
    { name: "repeat", label: "Repeats", cell: ({ repeat }) => repeat ?? "no" },
    { name: "comment", label: "Comment", isWrapped: true, cell: ({ comment }) => comment || "–" },
    { name: "by", label: "By", cell: ({ created_by: by }) => by || "–" },
    { name: "end", label: "", cell: end },
  ];
  const view = table({
    label: "Silences",
    columns,
    key: (silence) => silence.id,
    row: (silence) => ({ "data-testid": "silence-row", "data-id": silence.id }),
    empty: "Nothing is silenced.",
  });
  const add = h(
    "button",
    { class: "small", "data-testid": "silence-add", onclick: () => addSilence(app) },
    icon("add"),
    "Add silence",
  );
  const element = h(
    "section",
    { class: "card", "aria-labelledby": "silences" },
    h(
      "header",
      null,
      h("h2", { id: "silences" }, "Silences"),
      h("div", { class: "actions" }, add),
    ),
    view.element,
  );
  const update = (items, next) => {
    zone = next;
    view.update(items, { context: zone });
  };
  return { element, update };
}

function matched({ service, type, pipeline }) {
  const parts = [service, type && words(type), pipeline && `pipeline ${pipeline}`].filter(Boolean);
  return parts.join(" · ") || "everything";
}

/** Asks for a silence and adds it; `usual` fills in what is known. */
export async function addSilence(app, usual = {}) {
  const zone = zoneOf(app.state);
  const text = (name, value) => h("input", { name, value: value ?? "", placeholder: "Any", autocomplete: "off" });
  const moment = (name, at) =>
    h("input", {
      name,
      type: "datetime-local",
      step: 1,
      required: true,
      value: forInput(Math.floor(at / 1000) * 1000, zone),
    });
  const made = await dialog("Add silence", (close) => {
    const submit = (data) => {
      const value = (name) => String(data.get(name) ?? "").trim() || undefined;
      const [from, to] = [fromInput(data.get("from"), zone), fromInput(data.get("to"), zone)];
      if (!(Date.parse(from) < Date.parse(to))) throw new Error("The start must be before the end.");
      const match = { service: value("service"), type: value("type"), pipeline: value("pipeline") };
      // Whose clocks it comes again by.
      const mine = zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
      const repeat = value("repeat");
      const time_zone = repeat && mine;
      return post("silences", { ...match, from, to, comment: value("comment"), repeat, time_zone });
    };
    const types = [["", "Any"], ...TYPES.map((type) => [type, words(type)])];
    const repeats = [
      ["", "Once"],
      ["daily", "Daily"],
      ["weekly", "Weekly"],
    ];
    return form(
      close,
      { submit, label: "Silence", testid: "silence-save" },
      h(
        "div",
        { class: "pair" },
        field("Service", text("service", usual.service)),
        field("Type", select({ name: "type" }, types, usual.type)),
        field("Pipeline", text("pipeline")),
        field("Repeats", select({ name: "repeat" }, repeats)),
        field("From", moment("from", now())),
        field("Until", moment("to", now() + HOUR), zone === "utc" ? "UTC" : "The time of this browser"),
      ),
      field("Comment", h("input", { name: "comment", required: true, maxlength: 200, autocomplete: "off" })),
    );
  });
  if (!made) return;
  toast("ok", "It is silenced.");
  app.refresh();
}

async function drop(app, silence) {
  const text = `${matched(silence)}: incidents are told again.`;
  const sure = await confirm("Remove silence", text, "Remove", () => true, { danger: true });
  if (sure && (await attempt(() => remove(`silences/${segments(silence.id)}`)))) app.refresh();
}
