// Dialogs: the browser's own element, which keeps the focus in and gives it back.

import { add, fill, h } from "./dom.js";

let count = 0;

/**
 * Shows a dialog. `build(close)` gives its content below the title; `close(value)` ends it.
 * Resolves to that value, or to undefined if it was dismissed.
 */
export function dialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    const id = `dialog-${++count}`;
    let result;
    const element = h("dialog", { "aria-labelledby": id, class: wide ? "wide" : null });
    const close = (value) => {
      result = value;
      element.close();
    };
    const content = build(close);
    const heading = h("h2", { id }, title);
    if (content instanceof HTMLFormElement) content.prepend(heading);
    element.append(content instanceof HTMLFormElement ? content : add(h("div", { class: "body" }, heading), [content]));
    // A press on the backdrop, but not a selection that was begun inside and ended there.
    element.addEventListener("pointerdown", (event) => {
      if (event.target === element && !inside(element, event)) element.close();
    });
    element.addEventListener("close", () => {
      element.remove();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
  });
}

function inside(element, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return x >= left && x <= right && y >= top && y <= bottom;
}

/**
 * A form whose `submit()` does the work: it stays open with the problem shown if that throws, and else closes with what
 * it returns.
 */
export function form(close, { submit, label, danger = false, testid = null }, ...children) {
  const problem = h("div", { role: "alert" });
  const button = h("button", { class: danger ? "danger" : "primary", "data-testid": testid }, label);
  const element = h("form", {
    async onsubmit(event) {
      event.preventDefault();
      button.disabled = true;
      fill(problem);
      try {
        close(await submit(new FormData(element)));
      } catch (error) {
        fill(problem, h("div", { class: "problem" }, h("p", null, error.message)));
      } finally {
        button.disabled = false;
      }
    },
  });
  const cancel = h("button", { type: "button", onclick: () => close() }, "Cancel");
  return add(element, [children, problem, h("div", { class: "actions end" }, cancel, button)]);
}

/** Asks before something is done: `act` does it. Resolves to what it returns, or undefined if nothing is done. */
export function confirm(title, text, label, act, { danger = false } = {}) {
  return dialog(title, (close) => form(close, { submit: act, label, danger }, h("p", null, text)));
}

/** A labelled field: `input` is the control, `hint` a line below it. */
export function field(label, input, hint) {
  const id = input.id || `field-${++count}`;
  input.id = id;
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint ? h("small", null, hint) : null);
}

/** A select with these options: texts, or pairs of value and text. */
export function select(properties, options, value = "") {
  const element = h("select", properties);
  for (const option of options) {
    const [name, text] = Array.isArray(option) ? option : [option, option];
    element.append(h("option", { value: name }, text));
  }
  element.value = value ?? "";
  return element;
}

/** A checkbox with its text. */
export function check(properties, text) {
  return h("label", { class: "check" }, h("input", { type: "checkbox", ...properties }), h("span", null, text));
}
