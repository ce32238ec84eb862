// Short messages at the edge, read out by screen readers: new incidents, and what came of a press.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const STAY = 9000;
const MOST = 4;

const region = h("div", { class: "toasts", role: "status", "aria-live": "polite", "aria-label": "Messages" });
document.body.append(region);

/** Shows a message for some seconds, longer while it is pointed at or has the focus. */
export function toast(tone, ...content) {
  const close = h(
    "button",
    { class: "plain small square", "aria-label": "Dismiss", onclick: () => end() },
    icon("close"),
  );
  const element = h("div", { class: `toast ${tone}` }, h("div", null, content), close);
  let timer;
  const end = () => {
    clearTimeout(timer);
    element.remove();
  };
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(end, STAY);
  };
  const hold = () => clearTimeout(timer);
  element.addEventListener("pointerenter", hold);
  element.addEventListener("focusin", hold);
  element.addEventListener("pointerleave", start);
  element.addEventListener("focusout", start);
  region.append(element);
  while (region.children.length > MOST) region.firstChild.remove();
  start();
}

/** Does `work`, and shows what is wrong if it fails. Returns whether it went well. */
export async function attempt(work, done) {
  try {
    await work();
    if (done) toast("ok", done);
    return true;
  } catch (error) {
    toast("critical", error.message);
    return false;
  }
}
