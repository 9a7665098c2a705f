// Which filters does an index offer? Its fields: values to tick, numbers between two bounds.

import { counted, fill, make } from "./dom.js";

const VALUES_SHOWN = 8;

/**
 * Draw the fields of an index.
 *
 * @param {Element} place
 * @param {Array} fields as the path /fields describes them.
 * @param {Array} choices that hold now, see filter-text.js.
 * @param {(choices: Array) => void} changed called with the choices that hold from now on.
 */
export function drawFacets(place, fields, choices, changed) {
  const isChange = place.childElementCount > 0;
  const kept = isChange ? openPlaces(place) : new Set();
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const draw = fields.map((field, number) => {
    const chosen = choices.find((one) => one.field === field.name);
    const change = (choice) => changed([...choices.filter((one) => one !== chosen), choice]);
    const isNumber = field.kind === "int" || field.kind === "float";
    return isNumber
      ? bounds(field, number, chosen, change)
      : values(field, number, chosen, change, kept.has(field.name));
  });
  fill(place, ...draw.filter(Boolean));
  if (focused) document.getElementById(focused)?.focus();
}

function openPlaces(place) {
  const open = [...place.querySelectorAll("fieldset")].filter((one) => one.dataset.open);
  return new Set(open.map((one) => one.dataset.field));
}

function values(field, number, chosen, change, isOpen) {
  const ticked = chosen?.values || [];
  // A value that is not among the most frequent ones stays there to be unticked.
  const others = ticked.filter((value) => !field.values.some((one) => one.value === value));
  const all = [...others.map((value) => ({ value, n_docs: null })), ...field.values];
  if (all.length === 0) return null;
  const largest = Math.max(...field.values.map((one) => one.n_docs), 1);
  const rows = all.map(({ value, n_docs: count }, place) => {
    const id = `facet-${number}-${place}`;
    const tick = make("input", {
      type: "checkbox",
      id,
      checked: ticked.includes(value),
      change: () => {
        const rest = ticked.filter((one) => one !== value);
        change({ field: field.name, values: tick.checked ? [...rest, value] : rest });
      },
    });
    const bar = make("span.count-bar", { "aria-hidden": "true" });
    bar.style.width = `${(100 * (count || 0)) / largest}%`;
    return make(
      "li",
      {},
      make(
        "label",
        { for: id, title: count === null ? null : counted(count, "document") },
        tick,
        make("span.value", {}, String(value)),
        count === null ? null : make("span.count", {}, count.toLocaleString("en")),
        bar,
      ),
    );
  });
  const box = make("fieldset", { "data-field": field.name }, make("legend", {}, field.name));
  const isShown = (row, place) => isOpen || place < VALUES_SHOWN || row.querySelector("input").checked;
  const list = make("ul", {}, ...rows.filter(isShown));
  box.append(list);
  if (isOpen) box.dataset.open = "yes";
  const hidden = rows.filter((row, place) => !isShown(row, place));
  if (hidden.length > 0) {
    const open = () => {
      box.dataset.open = "yes";
      button.remove();
      fill(list, ...rows);
      hidden[0].querySelector("input").focus();
    };
    const button = make("button.link", { type: "button", click: open }, `${hidden.length} more`);
    box.append(button);
  }
  const unnamed = field.n_distinct - field.values.length;
  if (unnamed > 0) {
    box.append(make("p.note", {}, `and ${counted(unnamed, "rarer value")}: write them above`));
  }
  return box;
}

function bounds(field, number, chosen, change) {
  if (field.smallest === null) return null;
  const input = (bound, word) =>
    make("input", {
      id: `facet-${number}-${bound}`,
      type: "text",
      inputmode: field.kind === "int" ? "numeric" : "decimal",
      pattern: field.kind === "int" ? "[+\\-]?[0-9]+" : "[+\\-]?[0-9]+(\\.[0-9]+)?([eE][+\\-]?[0-9]+)?",
      placeholder: String(field[bound]),
      value: chosen?.[bound] ?? "",
      "aria-label": `${word} ${field.name}`,
      change: (event) => {
        const text = event.target.value.trim();
        if (!event.target.reportValidity()) return;
        change({ ...chosen, field: field.name, [bound]: text === "" ? undefined : text });
      },
    });
  return make(
    "fieldset",
    { "data-field": field.name },
    make("legend", {}, field.name),
    make("div.bounds", {}, input("smallest", "least"), make("span", {}, "to"), input("largest", "greatest")),
  );
}
