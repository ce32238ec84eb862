// Light or dark: the system's choice until somebody chooses here. Charts are drawn on canvas and have to be told.

const KEY = "logd.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Told of every change. */
export const changes = new EventTarget();

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

export function toggle() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  store(KEY, theme);
  changes.dispatchEvent(new Event("change"));
}

dark.addEventListener("change", () => changes.dispatchEvent(new Event("change")));

/** A colour of theme.css as it is now, for a canvas: the value of a variable is not resolved by itself. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Keeps a preference in this browser, if it lets us. */
export function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It holds for this page, then.
  }
}

/** A preference kept in this browser, or null. */
export function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
