// What can be asked over HTTP? The paths of openapi.json, each with what it takes and answers.

import { fill, make } from "./dom.js";

const METHODS = ["get", "put", "post", "delete"];

async function start() {
  const place = document.getElementById("reference");
  try {
    const response = await fetch("openapi.json");
    if (!response.ok) throw new Error(`status ${response.status}`);
    draw(place, await response.json());
  } catch (error) {
    fill(place, make("p", { role: "alert" }, `The description of the API cannot be read: ${error.message}.`));
  }
}

function draw(place, api) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const [tag = "other"] = methods[method].tags || [];
      groups.set(tag, [...(groups.get(tag) || []), { path, method, about: methods[method] }]);
    }
  }
  const contents = [...groups].map(([tag, entries]) =>
    make("section", {}, make("h3", {}, tag), make("ul", {}, ...entries.map(contentsLine))),
  );
  const sections = [...groups].map(([tag, entries]) =>
    make("section", { "aria-label": tag }, make("h2", {}, tag), ...entries.map((one) => entry(one, api))),
  );
  fill(
    place,
    make("nav.contents", { "aria-label": "Paths" }, ...contents),
    make("div.entries", {}, make("p.lead", {}, ...lead(api)), ...sections),
  );
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function lead(api) {
  return [
    `lsr ${api.info.version}. JSON in and out; every failure is application/problem+json (RFC 9457) with a stable `,
    make("code", {}, "code"),
    ". Where keys are set, send one as ",
    make("code", {}, "Authorization: Bearer KEY"),
    ".",
  ];
}

const anchor = ({ method, path }) => `${method} ${path}`;

function contentsLine(one) {
  return make("li", {}, make("a", { href: `#${encodeURIComponent(anchor(one))}` }, badge(one.method), " ", breakable(one.path)));
}

const badge = (method) => make(`span.method.${method}`, {}, method.toUpperCase());

/** A path that may break after each slash. */
function breakable(path) {
  const parts = path.split(/(?<=\/)/).flatMap((part) => [part, make("wbr")]);
  return make("code", {}, ...parts);
}

function entry(one, api) {
  const { path, method, about } = one;
  const parameters = about.parameters || [];
  const body = resolved(Object.values(about.requestBody?.content || {})[0]?.schema, api);
  const bodyType = Object.keys(about.requestBody?.content || {})[0];
  const success = Object.entries(about.responses || {}).find(([status]) => status.startsWith("2"));
  const answer = resolved(success?.[1].content?.["application/json"]?.schema, api);
  return make(
    "article",
    { id: anchor(one) },
    make("h3", {}, badge(method), " ", breakable(path)),
    make("p", {}, about.description || about.summary || ""),
    parameters.length ? table("Parameters", parameters.map((each) => parameterRow(each, api))) : null,
    body?.properties ? table(`Body: ${bodyType}`, propertyRows(body, api)) : null,
    body && !body.properties && bodyType ? make("p", {}, "Body: ", make("code", {}, bodyType)) : null,
    answer?.properties ? table(`Answer: ${success[0]}`, propertyRows(answer, api)) : null,
    make("pre", {}, make("code", {}, curl(one, body, bodyType, api))),
  );
}

function table(caption, rows) {
  return make("table", {}, make("caption", {}, caption), make("tbody", {}, ...rows));
}

function parameterRow(parameter, api) {
  const about = { ...parameter.schema, description: parameter.description || parameter.schema?.description };
  return row(parameter.name, about, parameter.required, api);
}

function propertyRows(schema, api) {
  const required = schema.required || [];
  return Object.entries(schema.properties).map(([name, one]) => row(name, one, required.includes(name), api));
}

function row(name, schema, isRequired, api) {
  const known = schema.default === undefined || schema.default === null ? "" : `, ${JSON.stringify(schema.default)} if left out`;
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("code", {}, name)),
    make("td.kind", {}, kindOf(schema, api) + (isRequired ? "" : known || ", optional")),
    make("td", {}, schema.description || ""),
  );
}

function kindOf(schema, api) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.filter((one) => one.type !== "null").map((one) => kindOf(one, api)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" or ");
  if (schema.type === "array") return schema.items ? `list of ${kindOf(schema.items, api)}` : "list";
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return `object of ${kindOf(schema.additionalProperties, api)}`;
  }
  return schema.type || "any";
}

function resolved(schema, api) {
  if (!schema?.$ref) return schema;
  return schema.$ref.split("/").slice(1).reduce((found, name) => found?.[name], api);
}

function curl({ method, path, about }, body, bodyType, api) {
  const asked = (about.parameters || []).filter((one) => one.in === "query" && one.required);
  const query = asked.map(({ name }) => `${name}=...`).join("&");
  const place = `'${location.origin}${path}${query ? `?${query}` : ""}'`;
  const verb = method === "get" ? "" : `-X ${method.toUpperCase()} `;
  if (!bodyType) return `curl ${verb}${place}`;
  return `curl ${verb}${place} \\\n  -H 'Content-Type: ${bodyType}' \\\n  -d '${example(body, api)}'`;
}

function example(schema, api) {
  if (!schema) return "";
  if (schema.example !== undefined) return typeof schema.example === "string" ? schema.example : JSON.stringify(schema.example);
  if (!schema.properties) return "...";
  const required = schema.required || [];
  const names = required.length ? required : Object.keys(schema.properties).slice(0, 1);
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, sample(schema.properties[name], api)])));
}

function sample(schema, api) {
  if (schema.examples?.length) return schema.examples[0];
  const one = resolved((schema.anyOf || [schema]).find((each) => each.type !== "null"), api);
  if (one.enum) return one.enum[0];
  return { integer: 10, number: 0.5, boolean: true, array: [], object: {} }[one.type] ?? "...";
}

start();
