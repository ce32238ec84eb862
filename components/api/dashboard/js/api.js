// Speaks with the API: JSON, problem details (RFC 9457), and the session's cookie, which scripts can't see.

// Beside the page, so that it also works behind a proxy that puts it under a prefix.
const BASE = new URL("api/v1/", new URL(".", document.baseURI));
const PATIENCE = 20_000;

/** What the API says when it does not do what it is asked. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    const { title, detail } = body ?? {};
    super(detail || title || (status ? `The server answered ${status}.` : "The server can't be reached."));
    Object.assign(this, { status, title, detail, retryAfter });
  }
}

let unauthorized = () => {};

/** Names who is told that the session is over. */
export function onUnauthorized(listener) {
  unauthorized = listener;
}

// What has to be added to the clock of this browser to get that of the server, in milliseconds.
let skew = 0;

/** The time by the server's clock: ages are its times against this. */
export function now() {
  return Date.now() + skew;
}

/** Learns the server's clock. The header has whole seconds, so a small difference says nothing. */
function learn(date) {
  const server = Date.parse(date ?? "");
  if (!Number.isNaN(server) && Math.abs(server + 500 - now()) > 1500) skew = server + 500 - Date.now();
}

/** The address of a route. */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/** Path segments from what may hold any character. */
export const segments = (...parts) => parts.map(encodeURIComponent).join("/");

async function send(method, path, { query, body, signal, isLogin = false } = {}) {
  const headers = { accept: "application/json" };
  // Also without a body: no form of another site can send this type.
  if (method !== "GET") headers["content-type"] = "application/json";
  const signals = [AbortSignal.timeout(PATIENCE), signal].filter(Boolean);
  let response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(signals),
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, error.name === "TimeoutError" ? { title: "The server did not answer in time." } : null);
  }
  learn(response.headers.get("date"));
  const text = await response.text();
  const answer = text && /json/.test(response.headers.get("content-type") ?? "") ? parseJson(text) : null;
  if (response.ok) return answer;
  if (response.status === 401 && !isLogin) unauthorized();
  throw new Problem(response.status, answer, response.headers.get("retry-after"));
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(0, { title: "The server's answer is cut off." });
  }
}

export const get = (path, query, signal) => send("GET", path, { query, signal });
export const post = (path, body, options) => send("POST", path, { body, ...options });
export const patch = (path, body) => send("PATCH", path, { body });
export const remove = (path) => send("DELETE", path);

/** Who is signed in; throws a Problem with status 401 if nobody is. */
export const me = () => send("GET", "auth/me", { isLogin: true });
export const signIn = (username, password) => post("auth/session", { username, password }, { isLogin: true });
export const signOut = () => post("auth/logout", {}, { isLogin: true });
