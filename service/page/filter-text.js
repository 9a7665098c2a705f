// How do choices become the text of a filter, and a text choices again?
//
// A choice is {field, values} for names and truths, or {field, smallest, largest} for numbers.
// Whatever else a text says is kept as it was written, in `rest`.

/** Write choices and the rest as one filter. */
export function writeFilter(choices, rest) {
  const parts = choices.flatMap(written);
  if (!rest) return parts.join(" and ");
  if (parts.length === 0) return rest;
  return [hasLooseOr(rest) ? `(${rest})` : rest, ...parts].join(" and ");
}

/**
 * Read a filter.
 *
 * @param {string} text
 * @param {Object<string, string>} kinds of the index's fields, by name.
 * @returns {{choices: Array, rest: string}}
 */
export function readFilter(text, kinds) {
  const choices = new Map();
  const rest = [];
  for (const part of splitAnds(text)) {
    const found = readCondition(part, kinds);
    const before = found && choices.get(found.field);
    if (!found || (before && !merges(before, found))) rest.push(part);
    else choices.set(found.field, { ...before, ...found });
  }
  return { choices: [...choices.values()], rest: rest.join(" and ") };
}

/** Write a value as the filter language does. */
export function literal(value) {
  return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
}

function written({ field, values, smallest, largest }) {
  if (values) {
    if (values.length === 0) return [];
    if (values.length === 1) return [`${field} = ${literal(values[0])}`];
    return [`${field} in (${values.map(literal).join(", ")})`];
  }
  const bounds = [];
  if (smallest !== undefined) bounds.push(`${field} >= ${smallest}`);
  if (largest !== undefined) bounds.push(`${field} <= ${largest}`);
  return bounds;
}

const TOKEN = /\s*(?:([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|('(?:[^']|'')*'|"(?:[^"]|"")*")|([\p{L}_][\p{L}\p{N}_.-]*)|(<=|>=|[=<>(),]))/uy;

/** Cut a text into tokens with their places; null where it is not of the language. */
function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) return null;
    const [, number, quoted, word, symbol] = match;
    found.push({ number, quoted, word, symbol, start, end: TOKEN.lastIndex });
  }
  return found;
}

const isWord = (token, word) => token.word?.toLowerCase() === word;

/** Cut a filter at the "and"s that join the whole of it. */
function splitAnds(text) {
  if (!text.trim()) return [];
  if (hasLooseOr(text)) return [text.trim()];
  const cuts = looseTokens(text).filter((token) => isWord(token, "and"));
  const starts = [0, ...cuts.map((cut) => cut.end)];
  const ends = [...cuts.map((cut) => cut.start), text.length];
  return starts.map((start, place) => text.slice(start, ends[place]).trim());
}

const hasLooseOr = (text) => looseTokens(text).some((token) => isWord(token, "or"));

/** The tokens of a text that stand outside of all parentheses. */
function looseTokens(text) {
  let depth = 0;
  return (tokens(text) || []).filter((token) => {
    if (token.symbol === "(") depth += 1;
    if (token.symbol === ")") depth -= 1;
    return depth === 0;
  });
}

function readCondition(part, kinds) {
  const [field, operator, ...others] = tokens(part) || [];
  const name = field?.word;
  if (!name || !Object.hasOwn(kinds, name) || !operator) return null;
  if (kinds[name] === "int" || kinds[name] === "float") {
    if (others.length !== 1 || others[0].number === undefined) return null;
    const value = others[0].number; // as text: a whole number may have more digits than fit
    if (operator.symbol === ">=") return { field: name, smallest: value };
    if (operator.symbol === "<=") return { field: name, largest: value };
    return null;
  }
  const isList = isWord(operator, "in") && others[0]?.symbol === "(" && others.at(-1)?.symbol === ")";
  if (!isList && (operator.symbol !== "=" || others.length !== 1)) return null;
  const listed = (isList ? others.slice(1, -1) : others).filter((one) => one.symbol !== ",");
  const values = listed.map(readValue);
  return values.includes(undefined) ? null : { field: name, values };
}

function readValue({ quoted, word }) {
  if (quoted) return quoted.slice(1, -1).replaceAll(quoted[0] + quoted[0], quoted[0]);
  return { true: true, false: false }[word?.toLowerCase()];
}

function merges(before, found) {
  if (before.values || found.values) return false;
  return Object.keys(found).every((name) => name === "field" || before[name] === undefined);
}
