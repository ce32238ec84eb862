// Filters that stand in the address: a change there is a step for the back button.

import { field, select } from "./dialog.js";
import { h } from "./dom.js";

/**
 * Fields bound to the query: each is `{ name, label, options }` (a select, its first option "Any") or `{ name, label }`
 * (a text with suggestions). `update(state)` shows what the address says; `offer(name, values)` sets suggestions.
 */
export function filters(app, fields) {
  const controls = new Map();
  const lists = new Map();
  const parts = fields.map(({ name, label, options }) => {
    const onchange = () => app.set({ [name]: controls.get(name).value.trim() });
    let control;
    if (options) control = select({ onchange, name }, [["", "Any"], ...options]);
    else {
      const id = `offer-${name}`;
      const list = h("datalist", { id });
      control = h("input", { onchange, name, list: id, placeholder: "Any", autocomplete: "off", spellcheck: "false" });
      lists.set(name, list);
    }
    controls.set(name, control);
    return [field(label, control), lists.get(name)];
  });

  const update = (state) => {
    for (const [name, control] of controls) {
      const value = state.query.get(name) ?? "";
      if (control.value === value || control === document.activeElement) continue;
      // An address may ask for more than is offered.
      if (control.options && ![...control.options].some((option) => option.value === value)) {
        control.append(h("option", { value }, value));
      }
      control.value = value;
    }
  };

  const offer = (name, values) => {
    const list = lists.get(name);
    const wanted = values.filter(Boolean).join("\n");
    if (!list || list.dataset.print === wanted) return;
    list.dataset.print = wanted;
    list.replaceChildren(...values.filter(Boolean).map((value) => h("option", { value })));
  };
  return { parts, update, offer };
}
