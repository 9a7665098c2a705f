// What does the page do? It keeps one state, asks the server when that changes, and draws answers.

import { readAddress, writeAddress } from "./address.js";
import { closeDocument, listenToDocument, showDocument } from "./document-view.js";
import { byId, fill, make } from "./dom.js";
import { drawFacets } from "./facets.js";
import { readFilter, writeFilter } from "./filter-text.js";
import { hitEntry } from "./hits.js";
import { listenToKeys } from "./keyboard.js";
import { failure, nothingFound, notice } from "./messages.js";
import { NOTHING_YET, askOffers, drawOffers } from "./opened-index.js";
import { readQuestion } from "./question.js";
import { clearResults, setBusy, showCount, showTiming, showWarnings } from "./results.js";
import { ask, indexPath } from "./service.js";
import { keep, recall } from "./storage.js";

const PAGE = 10;
const PAUSE = 180; // milliseconds without a keystroke before a search as one types
const TYPING = "lsr-search-as-you-type";

const state = {
  indexes: [],
  opened: "", // the index whose offers these are
  offers: NOTHING_YET,
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
  setBusy(true);
  try {
    const { answer } = await ask("v1/indexes");
    state.indexes = answer.indexes;
  } catch (error) {
    failure(message, error, start);
    setBusy(false);
    return;
  }
  fill(message);
  setBusy(false);
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
  const isOther = state.opened !== name;
  byId("index").value = name;
  box.value = address.q;
  filterBox.value = address.filter;
  byId("dense").checked = address.alpha !== null;
  byId("alpha-label").hidden = address.alpha === null;
  if (address.alpha !== null) byId("alpha").value = address.alpha;
  if (isOther) openIndex();
  drawChoices();
  await search();
  followDocument();
}

/** Draw what the chosen index offers: at once what is known, the rest when it comes. */
async function openIndex() {
  const index = current();
  const use = (example) => {
    box.value = example;
    submit();
  };
  state.opened = index.name;
  state.offers = NOTHING_YET;
  drawOffers(index, "", use);
  try {
    const offers = await askOffers(index);
    if (current() !== index) return;
    state.offers = offers;
    drawOffers(index, offers.example, use);
    drawChoices();
  } catch (error) {
    // Where a key is missing, the search asks for it.
    if (error.status !== 401 || !box.value.trim()) failure(byId("facets"), error, openIndex);
  }
}

// ---- the search ----

function submit({ replace = false } = {}) {
  clearTimeout(timer);
  if (!current()) return;
  writeAddress(wanted(), { replace });
  drawChoices();
  search();
}

async function search() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const index = current();
  complain(null);
  setBusy(false);
  document.title = box.value.trim() ? `${box.value.trim()} · lsr` : "lsr";
  if (!box.value.trim()) {
    showStart();
    return;
  }
  document.body.dataset.view = "answers";
  const question = readQuestion(box.value, index.takes_text);
  if (question.complaint) {
    clear();
    notice(message, "Not a vector", make("p", {}, question.complaint));
    return;
  }
  const body = { ...question, k: PAGE, explain: true, highlight: true };
  if (filterBox.value.trim()) body.filter = filterBox.value.trim();
  if (alpha() !== null) body.alpha = alpha();
  setBusy(true);
  try {
    const { answer, milliseconds } = await ask(indexPath(index.name, "search"), { body, signal: mine.signal });
    if (running !== mine) return;
    state.asked = { index: index.name, body, commit: answer.commit, question };
    state.hits = [];
    fill(byId("hits"));
    fill(message);
    show(answer);
    showTiming(answer.took_ms, milliseconds);
    showWarnings(answer.warnings || []);
    if (answer.hits.length === 0) nothingFound(message, Boolean(body.filter), withoutFilter);
  } catch (error) {
    if (running !== mine) return;
    clear();
    if (body.filter && error.status === 422 && /filter|field/i.test(error.message)) complain(error);
    failure(message, error, () => (state.indexes.length ? submit({ replace: true }) : start()));
  } finally {
    if (running === mine) setBusy(false);
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
  const entries = answer.hits.map((hit) => hitEntry(hit, current().fields, choose));
  state.hits.push(...answer.hits);
  byId("hits").append(...entries);
  showCount(state.hits.length, answer.has_more);
  return entries[0];
}

function clear() {
  state.asked = null;
  state.hits = [];
  clearResults();
}

function showStart() {
  clear();
  document.body.dataset.view = filterBox.value.trim() ? "answers" : "start";
  if (filterBox.value.trim()) notice(message, "Now ask something", make("p", {}, "The filter holds; the question is still missing."));
}

// ---- the filter ----

function drawChoices() {
  const { choices } = readFilter(filterBox.value, current().fields);
  drawFacets(byId("facets"), state.offers.fields, choices, applyChoices);
  byId("filters").hidden = Object.keys(current().fields).length === 0 && !filterBox.value;
  document.body.classList.toggle("with-filters", !byId("filters").hidden);
  fill(byId("filters-count"), filterBox.value.trim() ? "(on)" : "");
  byId("filter-clear").disabled = !filterBox.value;
}

function applyChoices(choices) {
  const { rest } = readFilter(filterBox.value, current().fields);
  filterBox.value = writeFilter(choices, rest);
  submit();
}

function choose(field, value) {
  const { choices } = readFilter(filterBox.value, current().fields);
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
  asYouType.checked = recall("localStorage", TYPING) === "on";
  asYouType.addEventListener("change", () => keep("localStorage", TYPING, asYouType.checked ? "on" : "off"));
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
