// The login.

import { signIn } from "./api.js";
import { field } from "./dialog.js";
import { fill, h } from "./dom.js";
import { mark } from "./icons.js";

/** Shows the login in `root`; resolves to who has signed in. `note` says why it is shown, if there is a reason. */
export function login(root, note) {
  document.title = "Sign in – logd";
  return new Promise((resolve) => {
    const username = input({ name: "username", autocomplete: "username", "data-testid": "username" });
    const password = input({
      name: "password",
      type: "password",
      autocomplete: "current-password",
      "data-testid": "password",
    });
    const button = h("button", { class: "primary", "data-testid": "sign-in" }, "Sign in");
    const problem = h("div", { role: "alert", "data-testid": "login-problem" });
    const submit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        resolve(await signIn(username.value, password.value));
      } catch (error) {
        const later = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
        fill(problem, h("div", { class: "problem" }, h("p", null, error.message + later)));
        password.value = "";
        password.focus();
      } finally {
        button.disabled = false;
      }
    };
    const form = h(
      "form",
      { "data-testid": "login-form", onsubmit: submit },
      h("div", { class: "brand" }, mark(), h("h1", null, "logd")),
      note ? h("p", { class: "muted", role: "status" }, note) : null,
      field("User name", username),
      field("Password", password),
      problem,
      button,
    );
    fill(root, h("main", { class: "login" }, form));
    username.focus();
  });
}

const input = (properties) =>
  h("input", { required: true, autocapitalize: "none", spellcheck: "false", ...properties });
