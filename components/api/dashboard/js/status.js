// The line that says whether what is shown is true now: how the stream is, and how old the last event is.

import { now } from "./api.js";
import { h, say } from "./dom.js";
import { duration, moment } from "./format.js";
import { sign } from "./icons.js";

const STALE = 10;

/** The line; `tick()` brings it up to date and is called every second. */
export function status(app) {
  const shape = h("span", { css: { display: "inline-flex" } });
  const text = h("span");
  const element = h("span", { class: "status", "data-testid": "stale" }, shape, text);
  let tone;

  const set = (next, name, words) => {
    say(text, words);
    element.dataset.stale = String(next === "critical");
    if (tone === next + name) return;
    tone = next + name;
    element.className = `status ${next}`;
    shape.replaceChildren(sign(name));
  };

  const tick = () => {
    const last = moment(app.metrics?.last_update);
    const age = last ? Math.max(0, Math.round((now() - last) / 1000)) : null;
    const event = age === null ? "No event yet" : `Last event ${duration(age)} ago`;
    const paused = app.isPaused() ? "Paused · " : "";
    if (!app.metrics) set("", "ring", app.stream.state === "waiting" ? "The server can't be reached" : "Connecting…");
    else if (age !== null && age > STALE) set("critical", "triangle", paused + event);
    else if (app.stream.state !== "open") set("warning", "ring", `${paused}Reconnecting… ${event}`);
    else if (paused) set("warning", "bars", paused + event);
    else set("ok", "dot", `Live · ${event}`);
  };
  return { element, tick };
}
