// The live stream: one connection for the whole page, since browsers allow six to a server. It opens again by itself.

import { address, me, Problem } from "./api.js";

const EVENTS = ["log", "anomaly", "metrics", "missed", "ping"];
// Metrics come every second, so that a connection that says nothing for so long is dead, whatever the network says.
const SILENCE = 15_000;
const LONGEST_WAIT = 15_000;
// A page that nobody looks at gives its connection back after so long.
const HIDDEN = 60_000;

/**
 * Events: `log`, `anomaly`, `metrics`, each with the data as `detail`; `state` when `state` changes; `reopened` when
 * something may have been missed.
 */
export class Stream extends EventTarget {
  /** `connecting`, `open`, `waiting` (to connect again), or `closed`. */
  state = "closed";
  #wanted = { topics: "metrics,anomalies" };
  #source = null;
  #timer = 0;
  #silence = 0;
  #hidden = 0;
  #failures = 0;
  #wasOpen = false;
  #onUnauthorized;
  #watch = () => this.#visibility();

  constructor(onUnauthorized) {
    super();
    this.#onUnauthorized = onUnauthorized;
  }

  open() {
    document.addEventListener("visibilitychange", this.#watch);
    addEventListener("pageshow", this.#watch);
    this.#connect();
  }

  close() {
    document.removeEventListener("visibilitychange", this.#watch);
    removeEventListener("pageshow", this.#watch);
    clearTimeout(this.#hidden);
    this.#drop("closed");
  }

  /** Says what is wanted from now on: `{ topics, service, level }`. */
  want(wanted) {
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return;
    this.#wanted = wanted;
    if (this.state !== "closed") this.#connect();
  }

  #connect() {
    this.#drop("connecting");
    const source = new EventSource(address("stream", this.#wanted));
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.#set("open");
      if (this.#wasOpen) this.dispatchEvent(new Event("reopened"));
      this.#wasOpen = true;
    };
    source.onerror = () => {
      // Broken off: the browser connects again by itself, and names the last event, so that nothing is missed.
      if (source.readyState === EventSource.CONNECTING) this.#set("waiting");
      else this.#failed();
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        this.#listen();
        if (name === "ping") return;
        if (name === "missed") return this.dispatchEvent(new Event("reopened"));
        const detail = parse(event.data);
        if (detail) this.dispatchEvent(new CustomEvent(name, { detail }));
      });
    }
    this.#listen();
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#failed(), SILENCE);
  }

  async #failed() {
    // Refused, or silent. What the matter is an EventSource does not say: ask.
    this.#drop("waiting");
    const wait = Math.min(LONGEST_WAIT, 1000 * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#connect(), wait * (0.75 + Math.random() / 2));
    const timer = this.#timer;
    try {
      await me();
    } catch (error) {
      if (error instanceof Problem && error.status === 401 && timer === this.#timer) this.#onUnauthorized();
    }
  }

  #drop(state) {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
    this.#set(state);
  }

  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #visibility() {
    clearTimeout(this.#hidden);
    if (document.hidden) this.#hidden = setTimeout(() => this.#drop("waiting"), HIDDEN);
    else if (!this.#source) this.#connect();
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
