// Pages of a list: "More" takes the next one, and a refresh fetches anew as many as are shown.

import { get } from "./api.js";
import { h } from "./dom.js";

const MOST = 1000;

/** The pages of `path`. `show(items)` is told of all that is loaded; `size` is that of one page. */
export function pages(path, { size, show }) {
  let items = [];
  let cursor = null;
  let query = {};
  const button = h("button", { onclick: more }, "More");
  const element = h("div", { class: "none", hidden: true }, button);

  /** Fetches from the start: what was loaded stays loaded, unless the query is another one. */
  async function refresh(next, signal) {
    const isSame = same(next, query);
    const limit = isSame ? Math.min(MOST, Math.max(size, items.length)) : size;
    query = next;
    const page = await get(path, { ...query, limit }, signal);
    items = page.items;
    take(page);
    return items;
  }

  async function more() {
    const asked = query;
    button.disabled = true;
    try {
      const page = await get(path, { ...query, limit: size, cursor });
      if (asked !== query) return;
      items = [...items, ...page.items];
      take(page);
    } catch (error) {
      button.textContent = `${error.message} Try again`;
    } finally {
      button.disabled = false;
    }
  }

  function take(page) {
    cursor = page.next_cursor ?? null;
    element.hidden = !cursor;
    button.textContent = "More";
    show(items);
  }
  return { element, refresh };
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
