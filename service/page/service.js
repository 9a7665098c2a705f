// How does the page talk to its server? JSON both ways; every failure is one kind of error.

import { keep, recall } from "./storage.js";

const KEY = "lsr-key"; // sessionStorage: gone with the tab, never in the address

/** The server refused a request, or did not answer: `code` is that of problem+json. */
export class ServiceError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem.code || `http-${status}`;
    this.errors = problem.errors || [];
    this.requestId = problem.request_id || "";
    this.retryAfter = problem.retryAfter || "";
  }
}

/** Keep the key for this tab. */
export const rememberKey = (key) => keep("sessionStorage", KEY, key);

export const hasKey = () => Boolean(recall("sessionStorage", KEY));

/** Return the path of an index, relative to the page, so that the service may lie below a prefix. */
export function indexPath(name, ...parts) {
  return ["v1/indexes", ...[name, ...parts].map(encodeURIComponent)].join("/");
}

/**
 * Ask the server.
 *
 * @returns the answer and the milliseconds until it was read.
 * @throws {ServiceError} the server refuses, or cannot be reached (status 0).
 * @throws {DOMException} `signal` was aborted.
 */
export async function ask(path, { body, signal } = {}) {
  const started = performance.now();
  const headers = { Accept: "application/json" };
  const key = recall("sessionStorage", KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!response) throw unreachable();
    throw new ServiceError(response.status, { detail: "The answer of the server cannot be read." });
  }
  if (!response.ok) {
    const retryAfter = response.headers.get("Retry-After") || "";
    throw new ServiceError(response.status, { ...answer, retryAfter });
  }
  return { answer, milliseconds: performance.now() - started };
}

function unreachable() {
  return new ServiceError(0, {
    code: "server-unreachable",
    detail: "The server does not answer. See whether lsr serve still runs, then try again.",
  });
}
