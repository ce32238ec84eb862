// What a reload would change, and the reload itself.

import { post } from "../api.js";
import { confirm, dialog } from "../dialog.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { badge } from "../labels.js";
import { attempt, toast } from "../toast.js";

const TONES = { add: "ok", remove: "critical", replace: "warning", rewire: "info", renew: "info" };

/** Shows the plan. */
export async function plan(app) {
  let found;
  await attempt(async () => (found = await post("plan", {})));
  if (!found) return;
  const wanted = await dialog("What a reload would change", (close) => content(found, close), { wide: true });
  if (wanted) await run(app);
}

function content({ mistakes = [], changes = {}, kept }, close) {
  const all = Object.entries(changes);
  const isNothing = !all.length && !mistakes.length;
  return [
    mistakes.map((text) => h("pre", { class: "mistake" }, text)),
    isNothing ? h("p", null, "Nothing: what runs is what the files say.") : null,
    h(
      "ul",
      { class: "plan" },
      all.map(([name, change]) => item(name, change)),
    ),
    h("p", { class: "muted" }, `${number(kept)} components go on as they are.`),
    h(
      "div",
      { class: "actions end" },
      h("button", { onclick: () => close() }, "Close"),
      all.length ? h("button", { class: "primary", onclick: () => close(true) }, "Reload") : null,
    ),
  ];
}

function item(name, { action, what, settings = [], notes = [] }) {
  const shown = (value) => value ?? "(not set)";
  return h(
    "li",
    null,
    h(
      "p",
      null,
      badge(TONES[action] ?? "info", action),
      " ",
      h("strong", null, name),
      " ",
      h("span", { class: "muted" }, what),
    ),
    settings.map(({ setting, old, new: next }) =>
      h("p", { class: "mono" }, `${setting}: ${shown(old)} → ${shown(next)}`),
    ),
    notes.map((note) => h("p", { class: "muted" }, note)),
  );
}

/** Asks, and reloads. */
export async function reload(app) {
  const text = "The pipeline files are read anew, and what changed is replaced. What did not change is not touched.";
  if (await confirm("Reload the pipelines", text, "Reload", () => true)) await run(app);
}

async function run(app) {
  let verdict;
  await attempt(async () => (verdict = (await post("reload", {})) ?? {}));
  if (verdict === undefined) return;
  const { ok, said } = read(verdict);
  toast(ok ? "ok" : "critical", said);
  app.refresh();
}

/** The verdict: `{ ok, said }`, or as the control socket has it, `{ done }`, `{ refused }`, `{ failed }`. */
function read(verdict) {
  if (typeof verdict === "string") return { ok: true, said: verdict };
  const said = verdict.said ?? verdict.done ?? verdict.refused ?? verdict.failed ?? "Reloaded.";
  return { ok: verdict.ok ?? !(verdict.refused || verdict.failed), said };
}
