// Requests to the engine: JSON in, JSON out, errors as sentences.

/** An error with the server's own words. */
export class ApiError extends Error {
  constructor(status, code, message, hint) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

async function answer(response) {
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const { code = "unknown", message = `the server answered ${response.status}`, hint = null } = body?.error ?? {};
  throw new ApiError(response.status, code, message, hint);
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the server cannot be reached", "is `engine serve` running? This page reconnects by itself.");
  }
  return answer(response);
}

/** `get("/runs", { limit: 20 })`; empty values are left out. */
export function get(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return ask(text ? `${path}?${text}` : path, { signal });
}

export const post = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Engine": "1" }, body: JSON.stringify(body) });
export const remove = (path) => ask(path, { method: "DELETE", headers: { "X-Engine": "1" } });

/** Who reads this, and what they may. */
export let session = { authenticated: false, may_change: false, may_run: false, why_not_run: null, version: "" };

/** Takes the token out of the address, trades it for a cookie, and asks what this page may do. */
export async function begin() {
  const token = /(?:^#|&)token=([^&]+)/.exec(location.hash)?.[1];
  if (token) {
    history.replaceState(history.state, "", location.pathname + location.search);
    await post("/session", { token: decodeURIComponent(token) }).catch(() => null);
  }
  session = await get("/session").catch(() => session);
  return session;
}

/** What stands beside a button that does nothing. */
export const WHY_NOT = "open the address that `engine serve` printed: it has the token";
