// What was typed: a text, or a vector such as {"cat": 1.2}?

/**
 * Read the search box.
 *
 * @param {string} typed
 * @param {boolean} takesText whether the index has an encoder for texts.
 * @returns what to send: `{query}` or `{vector}`; or `{complaint}`, what to tell the reader.
 */
export function readQuestion(typed, takesText) {
  const text = typed.trim();
  if (!text.startsWith("{")) {
    if (takesText) return { query: text };
    return { complaint: "This index has no encoder for texts: it takes a vector of term weights." };
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (takesText && !/"\s*:/.test(text)) return { query: text };
    return { complaint: `This looks like a vector, but it is not JSON: ${error.message}.` };
  }
  for (const [term, weight] of Object.entries(value)) {
    if (typeof weight === "number") continue;
    return { complaint: `The weight of ${JSON.stringify(term)} is not a number.` };
  }
  if (Object.keys(value).length === 0) return { complaint: "The vector has no terms." };
  return { vector: value };
}
