// What does the page do? It keeps one state, asks the server when that changes, and draws answers.

import { readAddress, writeAddress } from "./address.js";
import { closeDocument, listenToDocument, showDocument } from "./document-view.js";
import { byId, counted, fill, make } from "./dom.js";
import { drawFacets } from "./facets.js";
import { readFilter, writeFilter } from "./filter-text.js";
import { hitEntry } from "./hits.js";
import { listenToKeys } from "./keyboard.js";
import { failure, nothingFound, notice } from "./messages.js";
import { readQuestion } from "./question.js";
import { ask, indexPath } from "./service.js";

const PAGE = 10;
const PAUSE = 180; // milliseconds without a keystroke before a search as one types
const TYPING = "lsr-search-as-you-type";

const state = {
  indexes: [],
  fields: [],
  example: null, // of a vector, where the index takes no texts
  asked: null, // the question of the hits that are shown, for their other pages
  hits: [],
};
let running = null; // an AbortController: a newer search makes the older one stale
let timer = 0;

const box = byId("q");
const filterBox = byId("filter");
const message = byId("message");

const current = () => state.indexes.find((one) => one.name === byId("index").value) || null;
const alpha = () => (byId("dense").checked && current()?.is_hybrid ? Number(byId("alpha").value) : null);

function wanted() {
  const name = current()?.name || "";
  const isNamed = state.indexes.length > 1 || readAddress().index;
  return {
    index: isNamed ? name : "",
    q: box.value.trim(),
    filter: filterBox.value.trim(),
    alpha: alpha(),
  };
}

// ---- the index ----

async function start() {
  try {
    const { answer } = await ask("v1/indexes");
    state.indexes = answer.indexes;
  } catch (error) {
    failure(message, error, start);
    return;
  }
  fill(message);
  if (state.indexes.length === 0) {
    notice(message, "No index yet", make("p", {}, "Make one with ", make("code", {}, "lsr index"), ", then serve its folder."));
    return;
  }
  fill(byId("index"), ...state.indexes.map(({ name }) => make("option", { value: name }, name)));
  byId("chooser").hidden = state.indexes.length === 1;
  await followAddress();
}

async function followAddress() {
  const address = readAddress();
  if (address.index && !state.indexes.some((one) => one.name === address.index)) {
    byId("index").selectedIndex = -1;
    box.value = address.q;
    notice(message, "Not there", make("p", {}, "There is no index ", make("code", {}, address.index), " here. Choose one above."));
    byId("chooser").hidden = false;
    document.body.dataset.view = "answers";
    return;
  }
  const name = address.index || state.indexes[0].name;
  const isOther = byId("index").value !== name || !state.drawn;
  byId("index").value = name;
  box.value = address.q;
  filterBox.value = address.filter;
  byId("dense").checked = address.alpha !== null;
  if (address.alpha !== null) byId("alpha").value = address.alpha;
  const fields = isOther ? openIndex() : Promise.resolve();
  drawChoices();
  await search({ fields });
  followDocument();
}

/** Draw what the chosen index offers. */
async function openIndex() {
  const index = current();
  state.drawn = true;
  state.fields = [];
  state.example = null;
  byId("hybrid").hidden = !index.is_hybrid;
  byId("filters").hidden = Object.keys(index.fields).length === 0;
  document.body.classList.toggle("with-filters", !byId("filters").hidden);
  box.placeholder = index.takes_text ? `Search ${counted(index.n_docs, "document")}` : '{"term": weight}';
  showHint();
  try {
    const [{ answer }] = await Promise.all([
      Object.keys(index.fields).length ? ask(indexPath(index.name, "fields")) : { answer: { fields: [] } },
      index.takes_text ? null : findExample(index),
    ]);
    if (current() !== index) return;
    state.fields = answer.fields;
    drawChoices();
    showHint();
  } catch (error) {
    if (error.status !== 401) failure(message, error, openIndex);
  }
}

async function findExample(index) {
  const { answer } = await ask(indexPath(index.name));
  state.example = answer.example_vector || null;
}

function showHint() {
  const hint = byId("q-hint");
  const index = current();
  hint.hidden = !index || index.takes_text;
  if (hint.hidden) return;
  const example = state.example && Object.keys(state.example).length ? JSON.stringify(state.example) : "";
  const use = () => {
    box.value = example;
    submit();
  };
  fill(
    hint,
    "This index takes vectors, not texts. ",
    example ? "For example " : null,
    example ? make("button.link", { type: "button", click: use }, example) : null,
  );
}

// ---- the search ----

function submit({ replace = false } = {}) {
  clearTimeout(timer);
  if (!current()) return;
  writeAddress(wanted(), { replace });
  drawChoices();
  search();
}

async function search({ fields } = {}) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const index = current();
  complain(null);
  document.title = box.value.trim() ? `${box.value.trim()} · lsr` : "lsr";
  if (!box.value.trim()) {
    showStart();
    await fields;
    return;
  }
  document.body.dataset.view = "answers";
  const question = readQuestion(box.value, index.takes_text);
  if (question.complaint) {
    clear();
    await fields;
    notice(message, "Not a vector", make("p", {}, question.complaint), exampleLine());
    return;
  }
  const body = { ...question, k: PAGE, explain: true, highlight: true };
  if (filterBox.value.trim()) body.filter = filterBox.value.trim();
  if (alpha() !== null) body.alpha = alpha();
  byId("progress").classList.add("busy");
  try {
    const { answer, milliseconds } = await ask(indexPath(index.name, "search"), { body, signal: mine.signal });
    await fields; // values become choices only where the fields are known
    if (running !== mine) return;
    state.asked = { index: index.name, body, commit: answer.commit, question };
    state.hits = [];
    fill(byId("hits"));
    fill(message);
    show(answer);
    showTiming(answer.took_ms, milliseconds);
    if (answer.hits.length === 0) nothingFound(message, Boolean(body.filter), withoutFilter);
  } catch (error) {
    if (running !== mine) return;
    clear();
    if (body.filter && error.status === 422 && /filter|field/i.test(error.message)) complain(error);
    failure(message, error, () => (state.indexes.length ? submit({ replace: true }) : start()));
  } finally {
    if (running === mine) byId("progress").classList.remove("busy");
  }
}

async function more() {
  const { index, body, commit } = state.asked;
  const asked = state.asked;
  const button = byId("more");
  button.disabled = true;
  try {
    const { answer } = await ask(indexPath(index, "search"), {
      body: { ...body, offset: state.hits.length, commit },
    });
    if (state.asked !== asked) return;
    fill(message);
    const first = show(answer);
    first?.querySelector("h2 a").focus();
  } catch (error) {
    if (state.asked !== asked) return;
    button.hidden = true;
    failure(message, error, () => submit({ replace: true }));
    message.scrollIntoView({ block: "center" });
  } finally {
    button.disabled = false;
  }
}

/** Add the hits of an answer to those that are there; return the first new entry. */
function show(answer) {
  const entries = answer.hits.map((hit) => hitEntry(hit, state.fields, choose));
  state.hits.push(...answer.hits);
  byId("hits").append(...entries);
  byId("more").hidden = !answer.has_more;
  byId("legend").hidden = state.hits.length === 0;
  const place = answer.has_more ? "the first " : "";
  fill(byId("status"), state.hits.length ? `${place}${counted(state.hits.length, "result")}` : "No results");
  return entries[0];
}

function showTiming(took, roundTrip) {
  const stage = (name) => make("span.stage", {}, name, " ", make("b", {}, milliseconds(took[name])));
  const stages = ["encode", "score", "fetch"].filter((name) => name in took);
  fill(
    byId("timing"),
    make("b.total", {}, `${milliseconds(took.total)} ms`),
    " on the server",
    make("span.stages", {}, ...stages.map(stage)),
    make("span.round-trip", {}, make("b", {}, `${milliseconds(roundTrip)} ms`), " round trip"),
  );
  byId("timing").hidden = false;
}

const milliseconds = (value) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

function clear() {
  state.asked = null;
  state.hits = [];
  fill(byId("hits"));
  fill(message);
  fill(byId("status"));
  for (const name of ["more", "legend", "timing"]) byId(name).hidden = true;
}

function showStart() {
  clear();
  byId("progress").classList.remove("busy");
  document.body.dataset.view = filterBox.value.trim() ? "answers" : "start";
  if (filterBox.value.trim()) notice(message, "Now ask something", make("p", {}, "The filter holds; the question is still missing."));
}

function exampleLine() {
  return state.example ? make("p", {}, "For example ", make("code", {}, JSON.stringify(state.example))) : null;
}

// ---- the filter ----

function drawChoices() {
  const { choices } = readFilter(filterBox.value, state.fields);
  drawFacets(byId("facets"), state.fields, choices, applyChoices);
  fill(byId("filters-count"), filterBox.value.trim() ? "(on)" : "");
  byId("filter-clear").disabled = !filterBox.value;
}

function applyChoices(choices) {
  const { rest } = readFilter(filterBox.value, state.fields);
  filterBox.value = writeFilter(choices, rest);
  submit();
}

function choose(field, value) {
  const { choices } = readFilter(filterBox.value, state.fields);
  applyChoices([...choices.filter((one) => one.field !== field), { field, values: [value] }]);
}

function withoutFilter() {
  filterBox.value = "";
  submit();
}

function complain(error) {
  const place = byId("filter-problem");
  place.hidden = !error;
  fill(place, error ? error.message : "");
  filterBox.setAttribute("aria-invalid", String(Boolean(error)));
}

// ---- one document ----

function followDocument() {
  const { doc } = readAddress();
  if (doc === null) {
    closeDocument();
    return;
  }
  if (!current()) return;
  const hit = state.hits.find((one) => one.id === doc);
  showDocument({ index: current().name, id: doc, hit, asked: state.asked });
}

// ---- what the reader does ----

function listen() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  const asYouType = byId("as-you-type");
  asYouType.checked = localStorage.getItem(TYPING) === "on";
  asYouType.addEventListener("change", () => localStorage.setItem(TYPING, asYouType.checked ? "on" : "off"));
  box.addEventListener("input", () => {
    clearTimeout(timer);
    if (asYouType.checked) timer = setTimeout(() => submit({ replace: true }), PAUSE);
  });
  byId("index").addEventListener("change", () => {
    filterBox.value = "";
    writeAddress({ ...wanted(), index: byId("index").value });
    followAddress();
  });
  for (const name of ["dense", "alpha"]) {
    byId(name).addEventListener("change", () => {
      byId("alpha-label").hidden = !byId("dense").checked;
      submit();
    });
  }
  byId("filter-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  filterBox.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    submit();
  });
  byId("filter-clear").addEventListener("click", withoutFilter);
  byId("more").addEventListener("click", more);
  addEventListener("popstate", followHistory);
  const wide = matchMedia("(min-width: 60rem)");
  const unfold = () => (byId("filters-fold").open = wide.matches);
  wide.addEventListener("change", unfold);
  unfold();
  listenToKeys();
  listenToDocument();
}

/** Show what the address says after a step through the history; a document needs no new search. */
function followHistory() {
  const address = readAddress();
  const now = wanted();
  const isSame = ["q", "filter", "alpha"].every((name) => address[name] === now[name]);
  if (isSame && (address.index === now.index || !address.index) && (state.asked || !now.q)) followDocument();
  else followAddress();
}

listen();
start();
