// Keys for those who do not want to reach for the mouse, and the page that lists them.

import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { link } from "./route.js";
import { store, stored } from "./theme.js";

const SETTING = "logd.keys";
const PLACES = { o: "overview", i: "incidents", l: "logs", p: "pipelines", w: "webhooks" };
// Where a key is a letter, or chooses.
const TAKEN = "input:not([type=radio], [type=checkbox]), select, textarea, dialog";
const TEXT = [
  ["/", "Search"],
  ["?", "This list"],
  ["g then o, i, l, p, w", "Overview, incidents, logs, pipelines, webhooks"],
  ["p", "Pause or go on"],
  ["u", "UTC or local time"],
  ["d", "Dark or light"],
  ["↑ ↓ Home End", "From row to row in a list"],
  ["← →", "Along a chart that has the focus"],
  ["Enter", "Open the row, or the details of a log"],
  ["Esc", "Close a dialog or menu"],
];

/** Listens for keys: `actions` has `pause`, `zone` and `theme`. */
export function keys(app, actions) {
  let leader = 0;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || !app.me) return;
    if (event.target.closest(TAKEN)) return;
    if (stored(SETTING) === "off") return;
    const then = event.timeStamp - leader < 1500;
    leader = 0;
    const act = then && PLACES[event.key] ? () => app.go(link([PLACES[event.key]])) : plain(event);
    if (!act) return;
    event.preventDefault();
    act();
  });

  const plain = (event) => {
    switch (event.key) {
      case "g":
        return () => (leader = event.timeStamp);
      case "/":
        return () => search(app);
      case "?":
        return help;
      case "p":
        return actions.pause;
      case "u":
        return actions.zone;
      case "d":
        return actions.theme;
      default:
        return null;
    }
  };
}

function search(app) {
  const here = document.querySelector("[data-search]");
  if (here) {
    here.focus();
    here.select();
  } else app.go(link(["logs"], { focus: "search" }));
}

/** Shows the list of keys. */
export function help() {
  return dialog("Keys", (close) => {
    const rows = TEXT.map(([key, text]) =>
      h("tr", null, h("td", { class: "mono" }, key), h("td", { class: "wrap" }, text)),
    );
    const on = h("input", {
      type: "checkbox",
      onchange: () => store(SETTING, on.checked ? "on" : "off"),
    });
    on.checked = stored(SETTING) !== "off";
    return [
      h("table", null, h("tbody", null, rows)),
      h("label", { class: "check" }, on, "Single keys act (off: a screen reader or dictation may need them)"),
      h("div", { class: "actions end" }, h("button", { class: "primary", onclick: () => close() }, "Close")),
    ];
  });
}
