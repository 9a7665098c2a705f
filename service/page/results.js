// What stands around the hits? How many there are, how long they took, and whether more will come.

import { byId, counted, fill, make } from "./dom.js";

/** Say how many hits are shown, and offer more of them. */
export function showCount(n, hasMore) {
  byId("more").hidden = !hasMore;
  byId("legend").hidden = n === 0;
  fill(byId("status"), n ? `${hasMore ? "the first " : ""}${counted(n, "result")}` : "No results");
}

/** Say what the server wants the reader to know, such as terms that the index has never seen. */
export function showWarnings(warnings) {
  byId("warnings").hidden = warnings.length === 0;
  fill(byId("warnings"), ...warnings.map((one) => make("li", {}, one)));
}

/** Say how long an answer took: on the server, by stage, and until it was here. */
export function showTiming(took, roundTrip) {
  const names = Object.keys(took).filter((name) => name !== "total");
  const stages = names.flatMap((name, place) => [
    `${place ? ", " : ""}${name} `,
    make("b", {}, milliseconds(took[name])),
  ]);
  fill(
    byId("timing"),
    make("b", {}, `${milliseconds(took.total)} ms`),
    " on the server (",
    ...stages,
    ") · ",
    make("b", {}, `${milliseconds(roundTrip)} ms`),
    " round trip",
  );
  byId("timing").hidden = false;
}

const milliseconds = (value) => value.toFixed(value < 10 ? 1 : 0);

/** Take away the hits and all that was said of them. */
export function clearResults() {
  for (const name of ["hits", "message", "status", "warnings"]) fill(byId(name));
  for (const name of ["more", "legend", "timing", "warnings"]) byId(name).hidden = true;
}

/** Say, to eyes and to screen readers, whether an answer is on its way. */
export function setBusy(isBusy) {
  byId("progress").classList.toggle("busy", isBusy);
  byId("results").setAttribute("aria-busy", String(isBusy));
}
