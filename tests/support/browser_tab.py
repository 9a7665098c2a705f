"""A tab of a real browser that notes whatever a page must not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

_WATCH = """
window.violations = [];
addEventListener('securitypolicyviolation', (one) =>
  window.violations.push(`${one.effectiveDirective} ${one.blockedURI} ${one.sample}`));
"""
_REFUSED = re.compile(r"Failed to load resource: (the server responded with a status of|net::ERR_)")


@dataclass(slots=True)
class Tab:
    """An open page of the service.

    Attributes:
        page: the page.
        url: where the service answers.
        faults: errors, foreign requests, dialogs and breaches of the page's policy so far.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def open(self, address: str = "/") -> None:
        """Go to an address of the page and wait until it has asked what it had to."""
        self.page.goto(self.url + address)
        self.settled()

    def step(self, address: str) -> None:
        """Go to an address of the page as a step through the history does, without a reload."""
        self.page.evaluate(
            "(address) => { history.pushState(null, '', address);"
            " dispatchEvent(new PopStateEvent('popstate')); }",
            address,
        )
        self.settled()

    def ask(self, question: str) -> None:
        """Type a question, send it, and wait for its answer."""
        self.page.locator("#q").fill(question)
        self.page.keyboard.press("Enter")
        self.settled()

    def settled(self) -> None:
        """Wait until no search is under way."""
        expect(self.page.locator("#results")).to_have_attribute("aria-busy", "false")

    @property
    def hits(self) -> Locator:
        """The hits that are shown."""
        return self.page.locator("#hits .hit")

    def ids(self) -> list[str]:
        """Return the ids of the hits that are shown, by their links."""
        links = self.page.locator("#hits h2 a").evaluate_all(
            "links => links.map((one) => decodeURIComponent(one.hash.slice('#doc/'.length)))"
        )
        return [str(one) for one in links]

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the service without the page."""
        request = self.page.context.request
        answer = (
            request.get(self.url + path)
            if body is None
            else request.post(self.url + path, data=body)
        )
        assert answer.ok, answer.text()
        return answer.json()

    def scroll_width(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        widths = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(widths))


@contextmanager
def open_tab(browser: Browser, url: str, **options: Any) -> Iterator[Tab]:
    """Open a tab; when the block ends, fail if the page did what it must not.

    Args:
        browser: where to open it.
        url: of the service.
        options: of the browser's context, such as ``color_scheme``.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.set_default_timeout(20_000)
    tab = Tab(page, url)

    def dismiss(dialog: Any) -> None:
        tab.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_request(request: Any) -> None:
        if not request.url.startswith(f"{url}/"):
            tab.faults.append(f"foreign request: {request.url}")

    def note_console(message: Any) -> None:
        # The browser itself reports each status of 400 and above, which tests provoke.
        if message.type in ("error", "warning") and not _REFUSED.match(message.text):
            tab.faults.append(f"console: {message.text}")

    page.on("dialog", dismiss)
    page.on("request", note_request)
    page.on("console", note_console)
    page.on("pageerror", lambda error: tab.faults.append(f"error: {error}"))
    yield tab
    tab.faults += page.evaluate("window.violations")
    context.close()
    assert tab.faults == []
