// What a test asks of the page. Put before each of its expressions.

/** The first element of a test id, within what `more` selects of it. */
const one = (id, more = "") => document.querySelector(`[data-testid="${id}"]${more}`);
const all = (id, more = "") => [...document.querySelectorAll(`[data-testid="${id}"]${more}`)];
const at = (selector) => document.querySelector(selector);
const says = (id, text) => one(id)?.textContent.includes(text);
const focus = () => document.activeElement;

/** Whether a canvas is not empty. */
const isDrawn = (canvas) => {
  const { width, height } = canvas;
  return canvas.toDataURL() !== Object.assign(document.createElement("canvas"), { width, height }).toDataURL();
};

/** What reaches beyond the window, and does not scroll in itself. */
const overflowing = (width) => {
  const scrolls = (element) => element.closest(".scroll, .graph, .event, .segments, pre, .unseen, .skip");
  const beyond = [...document.querySelectorAll("body *")].filter((element) => {
    const { left, right, width: own } = element.getBoundingClientRect();
    return own > 0 && (right > width + 1 || left < -1) && !scrolls(element);
  });
  const page = document.scrollingElement.scrollWidth;
  const found = beyond.map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`);
  return page > width ? [`the page is ${page} wide`, ...found] : found;
};

/** Texts whose colour has too little contrast with what is behind them (WCAG 2.2, 1.4.3). */
const faint = () => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const read = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return { parts: [red, green, blue], alpha: alpha / 255 };
  };
  const over = (front, back) => front.parts.map((part, at) => part * front.alpha + back[at] * (1 - front.alpha));
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const colour = read(getComputedStyle(element).backgroundColor);
    return colour.alpha === 1 ? colour.parts : over(colour, behind(element.parentElement));
  };
  const light = (parts) => {
    const [red, green, blue] = parts.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || element.closest("svg, :disabled, option, noscript, .unseen") || !element.checkVisibility()) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const back = behind(element);
    const [low, high] = [light(over(read(color), back)), light(back)].sort((a, b) => a - b);
    const size = Number.parseFloat(fontSize);
    const least = size >= 24 || (size >= 18.66 && fontWeight >= 700) ? 3 : 4.5;
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < least) found.add(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return [...found];
};
