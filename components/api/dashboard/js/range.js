// The range picker: the usual ranges, and one of one's own.

import { now } from "./api.js";
import { dialog, field, form } from "./dialog.js";
import { h } from "./dom.js";
import { forInput, fromInput } from "./format.js";
import { RANGES, range, zoneOf } from "./route.js";

/** The picker; `update(state)` shows what the address says. */
export function picker(app) {
  const radios = new Map();
  const element = h("div", { class: "segments", role: "radiogroup", "aria-label": "Time range" });
  for (const name of [...Object.keys(RANGES), "custom"]) {
    const radio = h("input", {
      type: "radio",
      name: "range",
      value: name,
      "aria-label": name === "custom" ? "Custom range" : `Last ${name}`,
      onchange: () => name !== "custom" && app.set({ range: name }),
      onclick: () => name === "custom" && own(),
      onkeydown: (event) => name === "custom" && event.key === "Enter" && own(),
    });
    radios.set(name, radio);
    element.append(h("label", null, radio, h("span", { "aria-hidden": "true" }, name === "custom" ? "Custom" : name)));
  }

  const update = (state) => {
    radios.get(state.query.get("range") ?? "custom").checked = true;
  };

  const own = async () => {
    const zone = zoneOf(app.state);
    const { start, end } = range(app.state, now());
    const input = (name, value) =>
      h("input", { type: "datetime-local", step: 1, name, required: true, value: forInput(value, zone) });
    const [from, to] = [input("from", Math.round(start)), input("to", Math.round(end))];
    const chosen = await dialog("Custom time range", (close) => {
      const submit = () => {
        const ends = { from: fromInput(from.value, zone), to: fromInput(to.value, zone) };
        if (!(Date.parse(ends.from) < Date.parse(ends.to))) throw new Error("The start must be before the end.");
        return ends;
      };
      const hint = zone === "utc" ? "Times are UTC." : "Times are those of this browser.";
      const pair = h("div", { class: "pair" }, field("From", from), field("To", to));
      return form(close, { submit, label: "Apply" }, pair, h("p", { class: "muted" }, hint));
    });
    if (chosen) app.set(chosen);
    else update(app.state);
  };
  return { element, update };
}
