// What does one document look like? All of its text, its metadata, and what each word added.

import { leaveDocument, readAddress } from "./address.js";
import { byId, fill, make } from "./dom.js";
import { metadata, shareText, shares, valueText } from "./hits.js";
import { failure } from "./messages.js";
import { ask, indexPath } from "./service.js";

let shown = null; // the address that is shown, so that an answer for another one is dropped
let cameFromList = false;

/**
 * Show a document over the list.
 *
 * @param {Object} wanted
 * @param {string} wanted.index
 * @param {string} wanted.id
 * @param {Object|undefined} wanted.hit where the list has it: then it is there at once.
 * @param {Object|null} wanted.asked the question of the list, to explain the document's score.
 */
export async function showDocument({ index, id, hit, asked }) {
  const dialog = byId("document");
  const mine = {};
  shown = mine;
  cameFromList = Boolean(hit);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  fill(dialog, head(hit?.document?.title || id, id), make("div.document-body"));
  dialog.querySelector("h2").focus();
  if (hit?.document) draw(dialog, hit.document, hit, null);
  try {
    let stored = hit?.document;
    if (!stored) {
      stored = (await ask(indexPath(index, "documents", id))).answer.document;
      if (shown !== mine) return;
      fill(byId("document-title"), stored.title || id);
      draw(dialog, stored, hit, null);
    }
    if (!asked || asked.index !== index) return;
    const body = { ...asked.question, id, commit: asked.commit };
    const { answer } = await ask(indexPath(index, "explain"), { body });
    if (shown === mine) draw(dialog, stored, hit, answer);
  } catch (error) {
    if (shown !== mine) return;
    const place = make("div.document-failure");
    failure(place, error, () => showDocument({ index, id, hit, asked }));
    dialog.append(place);
  }
}

/** Hide the document; the address is not touched. */
export function closeDocument() {
  shown = null;
  const dialog = byId("document");
  if (dialog.open) dialog.close();
}

/** Close the document and leave its address: by a step back where one leads to the list. */
function leave() {
  if (cameFromList) {
    history.back();
    return;
  }
  leaveDocument();
  closeDocument();
}

/** Listen to what closes the document. */
export function listenToDocument() {
  const dialog = byId("document");
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) leave(); // the backdrop
  });
  dialog.addEventListener("close", () => {
    if (readAddress().doc !== null) leaveDocument();
  });
}

function head(title, id) {
  return make(
    "header",
    {},
    make("h2", { id: "document-title", tabindex: "-1" }, title),
    make("button.close", { type: "button", "aria-label": "Close", title: "Close (Esc)", click: leave }, "×"),
    make("p.facts", {}, make("span.id", {}, id)),
  );
}

function draw(dialog, stored, hit, explanation) {
  const facts = metadata(stored);
  const words = explanation?.words?.filter((one) => one.product > 0);
  const contributions = words || hit?.contributions;
  const marked = words ? wordsInText(words) : wordsOfPassage(hit);
  fill(
    dialog.querySelector(".document-body"),
    make("section.text", { "aria-label": "Text" }, ...withMarks(stored.text || "", marked)),
    make(
      "div.beside",
      {},
      contributions?.length ? why(contributions, hit, explanation) : null,
      facts.length ? factList(facts) : null,
    ),
  );
}

function why(contributions, hit, explanation) {
  const score = explanation ? explanation.score : hit.score;
  const isHalf = hit && explanation && readAddress().alpha !== null; // words are not all of it
  return make(
    "section.why",
    { "aria-label": "Score" },
    make("h3", {}, `${isHalf ? "Score of the sparse half" : "Score"} ${score.toFixed(2)}`),
    explanation?.terms ? weights(explanation, contributions) : shares(contributions, "bars"),
  );
}

/** The words of the score with, for each of their terms, the two weights that were multiplied. */
function weights({ terms }, words) {
  const largest = Math.max(...words.map((one) => one.share), Number.MIN_VALUE);
  const ofName = new Map(terms.map((one) => [one.term, one]));
  const rows = words.flatMap((word) => {
    const bar = make("span.bar");
    bar.style.width = `${(100 * word.share) / largest}%`;
    const parts = word.terms.map((name) => ofName.get(name)).filter(Boolean);
    return make(
      `tr.share.${word.typed ? "typed" : "added"}`,
      { "data-share": word.share },
      make(
        "th",
        { scope: "row" },
        word.typed ? null : make("span.plus", { "aria-hidden": "true" }, "+"),
        word.word,
        word.typed ? null : make("span.unseen", {}, ", added by the model"),
      ),
      make("td.products", {}, ...parts.map((one) => make("span", {}, product(one)))),
      make("td.percent", {}, shareText(word.share), make("span.track", { "aria-hidden": "true" }, bar)),
    );
  });
  return make(
    "table",
    {},
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("th", { scope: "col" }, "word"),
        make("th.products", { scope: "col" }, "question × document"),
        make("th.percent", { scope: "col" }, "share"),
      ),
    ),
    make("tbody", {}, ...rows),
  );
}

const product = (one) => `${one.query_weight.toFixed(2)} × ${one.document_weight.toFixed(2)}`;

function factList(facts) {
  return make(
    "section",
    { "aria-label": "Metadata" },
    make("h3", {}, "Metadata"),
    make(
      "dl",
      {},
      ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, valueText(value))]),
    ),
  );
}

function wordsInText(words) {
  return words.flatMap((one) => (one.document_words || []).map((place) => place.text));
}

function wordsOfPassage(hit) {
  if (!hit?.passage) return [];
  const points = Array.from(hit.passage.text);
  return hit.passage.spans.map(([start, end]) => points.slice(start, end).join(""));
}

/** A text as nodes, every occurrence of `words` marked. */
function withMarks(text, words) {
  const distinct = [...new Set(words.map((word) => word.toLowerCase()))].filter(Boolean);
  if (distinct.length === 0) return [text];
  // Longest first: of two words that begin alike the longer one is meant.
  const sorted = distinct.sort((one, other) => other.length - one.length);
  // Ideographs are written without spaces; every other word stands apart from letters around it.
  const alternatives = sorted.map((word) =>
    /\p{Script=Han}/u.test(word) ? escaped(word) : `(?<![\\p{L}\\p{N}])${escaped(word)}(?![\\p{L}\\p{N}])`,
  );
  const pattern = new RegExp(alternatives.join("|"), "giu");
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(end, match.index), make("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

const escaped = (word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
