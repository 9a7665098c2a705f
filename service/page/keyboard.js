// Which keys do something? / to the question, j and k or arrows through the hits, Esc closes.

import { byId } from "./dom.js";

/** Listen to the keyboard for as long as the page is there. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (byId("document").open) return;
    const isTyping = event.target.matches("input:not([type=checkbox]), textarea, select");
    const box = byId("q");
    const down = event.key === "ArrowDown" || (event.key === "j" && !isTyping);
    const up = event.key === "ArrowUp" || (event.key === "k" && !isTyping);
    if (event.key === "Escape" && isTyping) event.target.blur();
    else if (event.key === "/" && !isTyping) {
      box.select();
      event.preventDefault();
    } else if ((!isTyping || (down && event.target === box)) && (down || up) && move(down ? 1 : -1)) {
      event.preventDefault();
    }
  });
}

/** Go to the next hit or the one before, if there are hits; say whether that was done. */
function move(step) {
  const links = [...document.querySelectorAll("#hits h2 a")];
  if (links.length === 0) return false;
  const hit = document.activeElement.closest(".hit");
  const now = hit ? links.indexOf(hit.querySelector("h2 a")) : -1;
  const next = now + step;
  if (next < 0) {
    byId("q").focus();
    return true;
  }
  const link = links[Math.min(next, links.length - 1)];
  link.focus({ preventScroll: true });
  link.closest(".hit").scrollIntoView({ block: "nearest" });
  return true;
}
