// What does the chosen index offer? Values to filter by, texts or vectors to ask, one half or two.

import { byId, counted, fill, make } from "./dom.js";
import { ask, indexPath } from "./service.js";

/** What is known of an index before its server was asked for more. */
export const NOTHING_YET = { fields: [], example: "" };

/** Ask what the fields of an index hold and, where it takes no texts, what a vector looks like. */
export async function askOffers(index) {
  const hasFields = Object.keys(index.fields).length > 0;
  const [fields, facts] = await Promise.all([
    hasFields ? ask(indexPath(index.name, "fields")) : null,
    index.takes_text ? null : ask(indexPath(index.name)),
  ]);
  const vector = facts?.answer.example_vector || {};
  const example = Object.keys(vector).length > 0 ? JSON.stringify(vector) : "";
  return { fields: fields ? fields.answer.fields : [], example };
}

/**
 * Draw what an index offers around the search box.
 *
 * @param {Object} index as the list of indexes describes it.
 * @param {string} example of a vector; may be empty.
 * @param {(example: string) => void} use called when the example is clicked.
 */
export function drawOffers(index, example, use) {
  byId("q").placeholder = index.takes_text ? `Search ${counted(index.n_docs, "document")}` : '{"term": weight}';
  byId("hybrid").hidden = !index.is_hybrid;
  const hint = byId("q-hint");
  hint.hidden = index.takes_text;
  fill(
    hint,
    "This index takes vectors, not texts. ",
    example ? "For example " : null,
    example ? make("button.link", { type: "button", click: () => use(example) }, example) : null,
  );
}
