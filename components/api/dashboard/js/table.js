// Tables: sorted by their headers, walked with the arrow keys, scrolled in themselves.

import { arrows, fill, h, keyed } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A table. A column is `{ name, label, cell(item), isNumber, isWrapped, sort(item) }`; `row(item)` gives a row's
 * attributes. `onSort(name)` is told of a press on a header.
 *
 * `update(items, { sort, context })` shows items: `sort` is a column's name, with `-` before it for falling order.
 */
export function table({ label, columns, key, row = () => null, empty, onSort }) {
  const head = h("tr");
  const body = h("tbody");
  const none = h("p", { class: "none muted", hidden: true }, empty);
  const element = h(
    "div",
    null,
    h(
      "div",
      { class: "scroll", role: "region", tabindex: "0", "aria-label": `Table: ${label}` },
      h("table", null, h("caption", { class: "unseen" }, label), h("thead", null, head), body),
    ),
    none,
  );
  arrows(body, "tr a[href], tr button");

  const header = (column, sort) => {
    const [isDown, name] = [sort?.startsWith("-"), sort?.replace("-", "")];
    const isSorted = column.sort && name === column.name;
    const order = isSorted ? (isDown ? "descending" : "ascending") : null;
    const next = isSorted && isDown ? column.name : `-${column.name}`;
    const press = { onclick: () => onSort(next), "data-sort": column.name };
    const arrow = isSorted ? icon(isDown ? "down" : "up") : null;
    const text = column.label || h("span", { class: "unseen" }, "Actions");
    const content = column.sort && onSort ? h("button", press, text, arrow) : text;
    return h("th", { scope: "col", class: column.isNumber ? "number" : null, "aria-sort": order }, content);
  };

  const make = (item) => {
    const cells = columns.map(({ cell, isNumber, isWrapped }) =>
      h("td", { class: isNumber ? "number" : isWrapped ? "wrap" : null }, cell(item)),
    );
    return h("tr", row(item), cells);
  };

  let sorted = null;
  const update = (items, { sort = null, context = "" } = {}) => {
    if (sorted !== sort || !head.children.length) {
      const focused = document.activeElement?.dataset?.sort;
      fill(
        head,
        columns.map((column) => header(column, sort)),
      );
      if (focused) head.querySelector(`[data-sort="${focused}"]`)?.focus();
      sorted = sort;
    }
    keyed(body, order(items, columns, sort), key, make, context);
    none.hidden = items.length > 0;
  };
  return { element, update };
}

/** The items in the order that `sort` names; what is not known comes last. */
export function order(items, columns, sort) {
  const column = sort && columns.find(({ name }) => name === sort.replace("-", ""));
  if (!column?.sort) return items;
  const sign = sort.startsWith("-") ? -1 : 1;
  const none = (value) => value === null || value === undefined;
  return [...items].sort((one, other) => {
    const [a, b] = [column.sort(one), column.sort(other)];
    if (none(a) || none(b)) return none(a) - none(b);
    return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
  });
}
