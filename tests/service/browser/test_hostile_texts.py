"""Texts that would like to be markup are shown as they are written, wherever they come from.

That no script ran is checked in three ways: no payload set its flag, no dialog opened and the
browser reported no breach of the page's policy (`open_tab` checks the last two of every test).
"""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Route, expect

from browser_tab import Tab
from hostile_texts import PAYLOADS, hostile_documents

WINDOW = quote('{"window": 1}')
FOREIGN = (
    "script:not([src^='page/'])",
    *("iframe", "style", "base", "math", "form[action]", "meta[http-equiv]"),
    *("[onerror]", "[onload]", "[onfocus]", "[ontoggle]", "[onmouseover]"),
)
"""Elements and attributes that payloads would make and the page does not have."""

EVIDENCE = "page: {0} of {0} hostile texts shown as written, none of them ran, in {1}"


def quiet(tab: Tab) -> None:
    """Check that nothing ran, and that nothing was made of a payload but text."""
    assert tab.page.evaluate("typeof window.pwned") == "undefined"
    assert tab.page.locator(", ".join(FOREIGN)).count() == 0
    assert tab.page.locator("a[href^='javascript' i]").count() == 0


def test_in_the_list(tab: Tab, evidence: Callable[[str], None]) -> None:
    assert len(set(PAYLOADS)) == 25
    expected = {one["id"]: one for one in hostile_documents()}

    tab.open(f"/?index=hostile&q={WINDOW}")
    for n_hits in (20, 25):
        tab.page.get_by_role("button", name="More results").click()
        expect(tab.hits).to_have_count(n_hits)

    for shown, doc_id in zip(tab.hits.all(), tab.ids(), strict=True):
        stored = expected.pop(doc_id)
        assert shown.locator("h2 a").text_content() == stored["title"]
        assert shown.locator(".id").text_content() == doc_id
        passage = shown.locator(".passage").text_content() or ""
        assert passage.strip("\u2026 ") in stored["text"]
        facts = shown.locator(".facts").text_content() or ""
        assert all(part in facts for part in (f"topic {stored['topic']}"[:40], "tags", "free"))
    assert not expected
    words = tab.page.locator("li.share .word").all_text_contents()
    assert "window" in words
    quiet(tab)
    evidence(EVIDENCE.format(len(PAYLOADS), "titles, ids, passages and metadata"))


def test_in_a_document(tab: Tab, evidence: Callable[[str], None]) -> None:
    dialog = tab.page.get_by_role("dialog")
    tab.open("/?index=hostile")
    for stored in hostile_documents():
        question = quote(json.dumps({stored["topic"]: 1.0}))
        tab.step(f"/?index=hostile&q={question}#doc/{quote(stored['id'], safe='')}")

        expect(dialog.locator(".text")).to_have_text(stored["text"])
        assert dialog.locator("header h2").text_content() == stored["title"]
        assert stored["id"] in (dialog.locator("header .id").text_content() or "")
        facts = dialog.locator("dd").all_text_contents()
        assert facts[:2] == [stored["topic"], f"{stored['topic']}, tag"]
        assert json.loads(facts[2]) == stored["free"]
        expect(dialog.locator(".why")).to_contain_text(stored["topic"])
        quiet(tab)
    evidence(EVIDENCE.format(len(PAYLOADS), "documents and their words"))


@pytest.mark.parametrize("place", ["index", "q", "filter", "alpha"])
def test_in_an_address_that_is_opened(tab: Tab, place: str) -> None:
    every = quote("\n".join(PAYLOADS))

    tab.open(f"/?index=library&q=river&{place}={every}#doc/{every}")

    quiet(tab)


def test_in_filters(tab: Tab, evidence: Callable[[str], None]) -> None:
    documents = hostile_documents()
    tab.open("/?index=hostile")
    for number, payload in enumerate(PAYLOADS):
        where = "topic = '" + payload.replace("'", "''") + "'"
        tab.step(f"/?index=hostile&q={WINDOW}&filter={quote(where)}")

        assert tab.ids() == [documents[number]["id"]]
        tick = tab.page.get_by_role("group", name="topic").locator("li", has_text=payload)
        expect(tick.locator("input:checked").first).to_be_visible()
        tab.hits.first.get_by_role("button", name=re.compile("^topic ")).click()
        expect(tab.page.get_by_label("Filter", exact=True)).to_have_value(where)
        quiet(tab)
    evidence(EVIDENCE.format(len(PAYLOADS), "values of a filter"))


def test_in_what_is_asked(tab: Tab, evidence: Callable[[str], None]) -> None:
    tab.open("/?index=library")
    for payload in PAYLOADS:
        tab.step(f"/?index=library&q={quote(payload)}&filter={quote(payload)}")

        expect(tab.page.locator("#q")).to_have_value(payload)
        expect(tab.page.get_by_label("Filter", exact=True)).to_have_value(payload)
        expect(tab.page.locator("#filter-problem")).to_contain_text("The filter is wrong")
        quiet(tab)
    evidence(EVIDENCE.format(len(PAYLOADS), "questions and wrong filters"))


def refuse(body: dict[str, Any], route: Route) -> None:
    route.fulfill(status=422, json=body)


def test_in_problems_and_names(tab: Tab, evidence: Callable[[str], None]) -> None:
    tab.open("/?index=library")
    for payload in PAYLOADS:
        problem = {"code": payload, "detail": payload, "request_id": payload}
        errors = [{"field": payload, "detail": payload}] * 2
        body = {**problem, "errors": errors}
        tab.page.route(re.compile("/search$"), partial(refuse, body))
        tab.step("/?index=library&q=river")
        message = tab.page.locator("#message")
        expect(message).to_contain_text(f"code {payload}, request {payload}")
        assert (message.text_content() or "").count(payload) == 7
        tab.page.unroute_all()
        tab.step(f"/?index={quote(payload)}&q=river")
        expect(message).to_contain_text(f"There is no index {payload} here")
        quiet(tab)
    evidence(EVIDENCE.format(len(PAYLOADS), "problems and names of indexes"))
