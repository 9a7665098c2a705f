// Where is a choice kept? In the browser's storage, or in this page alone where storage is off.

const here = new Map();

/** Keep a text under a name in `localStorage` or `sessionStorage`. */
export function keep(storage, name, text) {
  here.set(name, text);
  try {
    window[storage].setItem(name, text);
  } catch {
    // Storage may be off or full; then the choice lasts as long as the page.
  }
}

/** Return what was kept under a name, or null. */
export function recall(storage, name) {
  try {
    return window[storage].getItem(name) ?? here.get(name) ?? null;
  } catch {
    return here.get(name) ?? null;
  }
}
