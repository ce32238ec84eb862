// Builds nodes. What comes from the API only ever becomes text: log lines are written by whoever can send a log.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. Properties: `onclick` and the like are listeners, `css` sets styles one by one (a style attribute is
 * forbidden by the page's policy), null and false are left out, and the rest are attributes.
 */
export function h(tag, properties, ...children) {
  return dress(document.createElement(tag), properties, children);
}

/** An SVG element, as {@link h}. */
export function svg(tag, properties, ...children) {
  return dress(document.createElementNS(SVG, tag), properties, children);
}

function dress(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "css") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** Appends strings, numbers, nodes, and lists of these; null and false are nothing. */
export function add(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Puts these in the place of all that is in the element. */
export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** A text that changes only when it differs: screen readers and selections are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/**
 * Makes the children of `parent` those of `items`, in their order. A child stays for as long as its item is the same,
 * and if it has to be made anew, the focus in it stays where it was.
 *
 * @param {(item) => string} key names an item
 * @param {(item) => Element} make makes its element
 * @param {string} context what else the elements depend on, as the time zone
 */
export function keyed(parent, items, key, make, context = "") {
  const old = new Map([...parent.children].map((child) => [child.logdKey, child]));
  const left = new Set(parent.children);
  let before = null;
  for (const item of items) {
    const name = key(item);
    const print = context + JSON.stringify(item);
    let child = old.get(name);
    old.delete(name);
    left.delete(child);
    if (!child || child.logdPrint !== print) {
      const next = make(item);
      next.logdKey = name;
      next.logdPrint = print;
      if (child) replace(child, next);
      child = next;
    }
    const place = before ? before.nextSibling : parent.firstChild;
    if (child !== place) parent.insertBefore(child, place);
    before = child;
  }
  for (const child of left) child.remove();
}

function replace(child, next) {
  const focused = child.contains(document.activeElement) ? document.activeElement : null;
  const place = focused ? [child, ...child.querySelectorAll(FOCUSABLE)].indexOf(focused) : -1;
  if (child instanceof HTMLDetailsElement) next.open = child.open;
  child.replaceWith(next);
  if (place >= 0) [next, ...next.querySelectorAll(FOCUSABLE)][place]?.focus({ preventScroll: true });
}

/** Up and down, Home and End move the focus among what `selector` finds in `root`. */
export function arrows(root, selector) {
  root.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const ends = event.key === "Home" || event.key === "End";
    if ((!step && !ends) || event.altKey || event.ctrlKey || event.metaKey) return;
    const here = event.target.closest(selector);
    const all = [...root.querySelectorAll(selector)];
    if (!here || !all.includes(here)) return;
    const next = ends ? all.at(event.key === "End" ? -1 : 0) : all[all.indexOf(here) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}
