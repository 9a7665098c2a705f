// How is the page made? Of elements and text nodes: what a document says is never read as markup.

/**
 * Make an element.
 *
 * @param {string} tag name, with classes as in "li.share.typed".
 * @param {Object} [attributes] set as attributes; functions listen to the event of their name;
 *     null, undefined and false are left out, true is an empty attribute.
 * @param {...(Node|string|number|null)} children strings and numbers become text nodes.
 */
export function make(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null).map(asNode));
  return element;
}

/** Put children in the place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null).map(asNode));
}

export const byId = (id) => document.getElementById(id);

const counts = new Intl.NumberFormat("en");

/** A count with its thousands apart, and the noun in the form that fits. */
export function counted(number, one, many = `${one}s`) {
  return `${counts.format(number)} ${number === 1 ? one : many}`;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
