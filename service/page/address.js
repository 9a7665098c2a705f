// What is the address of a search? Its state, so that it can be kept, sent and gone back to.

const DOCUMENT = "#doc/";

/** Read the address: `index`, `q`, `filter`, `alpha` (null: the sparse half alone), `doc`. */
export function readAddress() {
  const values = new URLSearchParams(location.search);
  const alpha = Number.parseFloat(values.get("alpha"));
  return {
    index: values.get("index") || "",
    q: values.get("q") || "",
    filter: values.get("filter") || "",
    alpha: alpha >= 0 && alpha <= 1 ? alpha : null,
    doc: readDocument(),
  };
}

/** Write a search into the address: as a new step of the history, or in place of the last. */
export function writeAddress(state, { replace = false } = {}) {
  const values = new URLSearchParams();
  for (const name of ["index", "q", "filter"]) if (state[name]) values.set(name, state[name]);
  if (state.alpha !== null) values.set("alpha", String(state.alpha));
  const query = values.toString();
  const address = location.pathname + (query ? `?${query}` : "");
  if (address === location.pathname + location.search && !location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
}

/** The address of a document, below the search that found it. */
export const documentAddress = (id) => DOCUMENT + encodeURIComponent(id);

/** Leave the document's address for that of the search. */
export function leaveDocument() {
  history.replaceState(null, "", location.pathname + location.search);
}

function readDocument() {
  if (!location.hash.startsWith(DOCUMENT)) return null;
  try {
    return decodeURIComponent(location.hash.slice(DOCUMENT.length));
  } catch {
    return null; // somebody wrote a lone % by hand
  }
}
