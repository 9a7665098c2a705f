"""A reader opens a document, reads it, and goes back; by mouse, keyboard and address."""

import re
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, expect

from browser_tab import Tab

QUESTION = "ships carry goods"
OPEN = f"/?index=library&q={quote(QUESTION)}"


def document(tab: Tab) -> Locator:
    return tab.page.get_by_role("dialog")


def focused(tab: Tab) -> str:
    return str(tab.page.evaluate("document.activeElement.innerText || document.activeElement.id"))


def test_a_hit_opens_its_document_and_back_closes_it(tab: Tab) -> None:
    tab.open(OPEN)
    hit = tab.api("/v1/indexes/library/search", {"query": QUESTION})["hits"][1]

    tab.hits.nth(1).get_by_role("link").click()

    stored = hit["document"]
    expect(document(tab)).to_be_visible()
    expect(document(tab).locator("header h2")).to_have_text(stored["title"] or hit["id"])
    assert stored["text"] in document(tab).locator(".text").inner_text()
    expect(document(tab).locator("mark").first).to_be_visible()
    expect(document(tab)).to_contain_text(f"Score {hit['score']:.2f}")
    for name in ("topic", "year", "length_km", "navigable", "lands"):
        expect(document(tab).locator("dt").get_by_text(name, exact=True)).to_be_visible()
    assert tab.page.url.endswith(f"#doc/{quote(hit['id'], safe='')}")
    tab.page.go_back()
    expect(document(tab)).to_be_hidden()
    expect(tab.hits).to_have_count(10)
    tab.page.go_forward()
    expect(document(tab).locator("header h2")).to_have_text(stored["title"] or hit["id"])
    document(tab).get_by_role("button", name="Close").click()
    expect(document(tab)).to_be_hidden()
    assert "#" not in tab.page.url


def test_an_address_opens_a_document_without_a_search(tab: Tab) -> None:
    tab.open("/?index=library#doc/rhine%2Fnote")

    expect(document(tab).locator(".text")).to_contain_text("The Rhine, a river 1233 km")
    tab.page.keyboard.press("Escape")
    expect(document(tab)).to_be_hidden()
    assert tab.page.url.endswith("/?index=library")
    expect(tab.page.locator("#q")).to_be_visible()


def test_an_unknown_document_is_a_problem(tab: Tab) -> None:
    tab.open("/?index=library#doc/nobody")

    expect(document(tab)).to_contain_text("code document-not-found")
    tab.page.keyboard.press("Escape")
    expect(document(tab)).to_be_hidden()


def test_a_broken_address_opens_nothing(tab: Tab) -> None:
    tab.open("/?index=library&q=river&alpha=x#doc/%")

    expect(tab.hits).to_have_count(10)
    expect(document(tab)).to_be_hidden()


def test_the_weights_of_each_word_are_shown(tab: Tab) -> None:
    tab.open(OPEN)
    doc_id = tab.ids()[0]
    body = {"query": QUESTION, "id": doc_id}
    explanation = tab.api("/v1/indexes/library/explain", body)

    tab.hits.first.get_by_role("link").click()

    rows = document(tab).locator("tr.share")
    words = [one for one in explanation["words"] if one["product"] > 0]
    expect(rows).to_have_count(len(words))
    terms = {one["term"]: one for one in explanation["terms"]}
    for row, word in zip(rows.all(), words, strict=True):
        assert word["word"] in row.inner_text()
        assert float(row.get_attribute("data-share") or "") == word["share"]
        for term in word["terms"]:
            one = terms[term]
            product = f"{one['query_weight']:.2f} \u00d7 {one['document_weight']:.2f}"
            expect(row).to_contain_text(product)


def test_the_keyboard_is_enough(tab: Tab) -> None:
    tab.open("/?index=library")
    page = tab.page

    page.keyboard.press("/")
    assert focused(tab) == "q"
    page.keyboard.type(QUESTION + " /")
    expect(page.locator("#q")).to_have_value(QUESTION + " /")
    page.keyboard.press("Enter")
    tab.settled()
    titles = page.locator("#hits h2 a").all_inner_texts()
    page.keyboard.press("ArrowDown")
    assert focused(tab) == titles[0]
    for key, place in (("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("j", 1)):
        page.keyboard.press(key)
        assert focused(tab) == titles[place]
    page.keyboard.press("Enter")
    expect(document(tab).locator("header h2")).to_have_text(titles[1])
    page.keyboard.press("Escape")
    expect(document(tab)).to_be_hidden()
    assert focused(tab) == titles[1]
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert focused(tab) == "q"
    page.keyboard.press("Escape")
    assert focused(tab) != "q"


def test_the_first_stop_skips_to_the_results(tab: Tab) -> None:
    tab.open(OPEN)

    tab.page.keyboard.press("Tab")
    assert focused(tab) == "Skip to the results"
    tab.page.keyboard.press("Enter")

    assert tab.page.evaluate("document.activeElement.id") == "results"
    expect(tab.hits).to_have_count(10)


def test_focus_is_seen(tab: Tab) -> None:
    tab.open(OPEN)

    tab.page.keyboard.press("/")
    shadow = tab.page.locator(".box").evaluate("one => getComputedStyle(one).boxShadow")
    tab.page.keyboard.press("ArrowDown")
    outline = tab.page.locator(":focus").evaluate("one => getComputedStyle(one).outline")

    assert "3px" in shadow
    assert "solid 2px" in outline


def test_everything_that_acts_has_a_name(tab: Tab) -> None:
    tab.open(OPEN)
    expect(tab.page.get_by_role("group", name="topic")).to_be_visible()

    snapshot = tab.page.locator("body").aria_snapshot()

    acting = re.findall(r"- (button|link|textbox|searchbox|checkbox|switch|combobox)(.*)", snapshot)
    assert len(acting) > 20
    assert [one for one in acting if not re.match(r' "[^"]+"', one[1])] == []
    for landmark in ("search", "complementary", "main", "banner", "navigation"):
        assert re.search(rf"^- {landmark}|\s- {landmark}", snapshot), landmark
    assert tab.page.locator("[role=status][aria-live=polite]").count() == 1


def test_a_document_is_explained_as_it_was_when_it_was_found(tab: Tab) -> None:
    tab.open(OPEN)
    commit = tab.api("/v1/indexes/library/search", {"query": QUESTION})["commit"]

    with tab.page.expect_request(re.compile("/explain$")) as asked:
        tab.hits.first.get_by_role("link").click()

    body: Any = asked.value.post_data_json
    assert body == {"query": QUESTION, "id": tab.ids()[0], "commit": commit}
