// What is said when there are no hits to show: nothing found, a refusal, a key that is needed?

import { fill, make } from "./dom.js";
import { hasKey, rememberKey } from "./service.js";

/** Say that nothing was found, and what to try. */
export function nothingFound(place, hasFilter, clear) {
  fill(
    place,
    make(
      "div.message",
      {},
      make("h2", {}, "Nothing found"),
      make(
        "p",
        {},
        hasFilter
          ? "No document that the filter lets through shares a term with the question."
          : "No document shares a term with the question, not even one that the model added.",
      ),
      hasFilter
        ? make("p", {}, make("button.quiet", { type: "button", click: clear }, "Search without the filter"))
        : null,
    ),
  );
}

/** Say something about the index, with nothing wrong. */
export function notice(place, title, ...children) {
  fill(place, make("div.message", {}, make("h2", {}, title), ...children));
}

/**
 * Say what went wrong, and offer to do it again; for a key that is missing, ask for one.
 *
 * @param {ServiceError} error
 * @param {() => void} again
 */
export function failure(place, error, again) {
  if (error.status === 401) {
    keyForm(place, error, again);
    return;
  }
  const fields = error.errors.map((one) =>
    make("li", {}, make("code", {}, one.field), " ", one.detail),
  );
  fill(
    place,
    make(
      "div.message.failure",
      { role: "alert" },
      make("h2", {}, titleOf(error)),
      make("p", {}, error.message),
      fields.length > 1 ? make("ul", {}, ...fields) : null,
      error.retryAfter ? make("p", {}, `It asks to wait ${error.retryAfter} s.`) : null,
      make("p", {}, make("button.quiet", { type: "button", click: again }, "Try again")),
      make("p.small", {}, codeOf(error)),
    ),
  );
}

/** The code and what a log needs to find the request. */
export function codeOf(error) {
  const status = error.status ? `status ${error.status}, ` : "";
  const request = error.requestId ? `, request ${error.requestId}` : "";
  return `${status}code ${error.code}${request}`;
}

function titleOf({ status }) {
  if (status === 0) return "No answer";
  if (status === 429 || status === 503) return "The server is busy";
  if (status === 403) return "Not allowed with this key";
  if (status === 404) return "Not there";
  if (status === 408 || status === 504) return "That took too long";
  if (status === 410) return "The index has moved on";
  return status >= 500 ? "The server failed" : "The search was refused";
}

function keyForm(place, error, again) {
  const input = make("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    required: true,
    spellcheck: "false",
  });
  const submit = (event) => {
    event.preventDefault();
    rememberKey(input.value.trim());
    again();
  };
  const was = hasKey();
  fill(
    place,
    make(
      "div.message",
      { role: "alert" },
      make("h2", {}, was ? "The key was refused" : "A key is needed"),
      make("p", {}, error.message),
      make(
        "form.key-form",
        { submit },
        make("label", { for: "key" }, "API key"),
        input,
        make("button", { type: "submit" }, "Use it"),
      ),
      make("p.small", {}, `Kept in this tab until it is closed. ${codeOf(error)}`),
    ),
  );
  input.focus();
}
