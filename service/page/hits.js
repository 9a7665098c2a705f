// How is a hit shown? Title, passage with its words marked, metadata, and a bar for each word.

import { documentAddress } from "./address.js";
import { make } from "./dom.js";

const BARS_SHOWN = 6;
const LONGEST_VALUE = 60;

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });

/** The percentage beside a bar. */
export const shareText = (share) => (share < 0.005 ? "< 1%" : percent.format(share));

/**
 * Make the entry of a hit in the list.
 *
 * @param {Object} hit as the service sends it.
 * @param {Object<string, string>} kinds of the index's fields, by name.
 * @param {(field: string, value: string|boolean) => void} choose called when a value is clicked.
 */
export function hitEntry(hit, kinds, choose) {
  const { document: stored = {} } = hit;
  return make(
    "li.hit",
    {},
    make(
      "article",
      { "aria-label": stored.title || hit.id },
      make(
        "h2",
        {},
        make("span.rank", { "aria-hidden": "true" }, hit.rank),
        make("a", { href: documentAddress(hit.id) }, stored.title || hit.id),
      ),
      hit.passage ? passage(hit.passage) : null,
      make(
        "p.facts",
        {},
        make("span.score", { title: "Score" }, hit.score.toFixed(2)),
        stored.title ? make("span.id", { title: "Id" }, hit.id) : null,
        ...metadata(stored).map(([name, value]) => fact(name, value, kinds, choose)),
      ),
      hit.contributions ? shares(hit.contributions, "bars") : null,
    ),
  );
}

/** The metadata of a document: what is neither its id nor its text. */
export function metadata(stored) {
  return Object.entries(stored).filter(
    ([name, value]) => !["id", "title", "text"].includes(name) && value !== null && value !== "",
  );
}

/** A value as one line of text. */
export function valueText(value) {
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A passage with its words marked. Places count code points, which JavaScript strings do not. */
function passage({ text, spans, is_first: isFirst, is_last: isLast }) {
  const points = Array.from(text);
  const parts = [];
  let end = 0;
  for (const [start, stop] of spans) {
    parts.push(points.slice(end, start).join(""));
    parts.push(make("mark", {}, points.slice(start, stop).join("")));
    end = stop;
  }
  parts.push(points.slice(end).join(""));
  return make("p.passage", {}, isFirst ? null : "… ", ...parts, isLast ? null : " …");
}

/** The words of a score, largest share first, each with its bar. */
export function shares(contributions, kind) {
  const largest = Math.max(...contributions.map((one) => one.share), Number.MIN_VALUE);
  const rows = contributions.map((one) => shareRow(one, largest));
  const list = make(`ul.shares.${kind}`, { "aria-label": "What each word adds to the score" });
  if (rows.length <= BARS_SHOWN + 1) {
    list.append(...rows);
    return list;
  }
  list.append(...rows.slice(0, BARS_SHOWN));
  const others = contributions.slice(BARS_SHOWN);
  const sum = others.reduce((total, one) => total + one.share, 0);
  const more = make(
    "button.link",
    {
      type: "button",
      click: () => {
        const item = more.parentElement;
        item.replaceWith(...rows.slice(BARS_SHOWN));
        rows[BARS_SHOWN].tabIndex = -1;
        rows[BARS_SHOWN].focus();
      },
    },
    `${others.length} more words `,
    make("span.percent", {}, shareText(sum)),
  );
  list.append(make("li.rest", {}, more));
  return list;
}

function shareRow({ word, share, typed }, largest) {
  const bar = make("span.bar");
  bar.style.width = `${(100 * share) / largest}%`;
  const origin = typed ? "in your question" : "added by the model";
  return make(
    `li.share.${typed ? "typed" : "added"}`,
    { "data-share": share, title: `${word}: ${origin}, ${(100 * share).toFixed(1)} % of the score` },
    make(
      "span.word",
      {},
      typed ? null : make("span.plus", { "aria-hidden": "true" }, "+"),
      word,
      typed ? null : make("span.unseen", {}, `, ${origin},`),
    ),
    make("span.track", { "aria-hidden": "true" }, bar),
    make("span.percent", {}, shareText(share)),
  );
}

function fact(name, value, kinds, choose) {
  const text = valueText(value);
  const shown = text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
  const children = [make("span.name", {}, name), " ", shown];
  const isChoice = Object.hasOwn(kinds, name) && ["str", "bool"].includes(kinds[name]) && typeof value !== "object";
  if (!isChoice) return make("span.fact", { title: text.slice(0, 500) }, ...children);
  return make(
    "button.fact",
    { type: "button", title: `Only documents with ${name} ${text}`, click: () => choose(name, value) },
    ...children,
  );
}
