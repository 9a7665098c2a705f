"""A reader asks, and sees hits, the words that made them, and more of them."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from browser_tab import Tab

QUESTION = "which river do ships use to carry goods"
SEARCH = "/v1/indexes/library/search"


def answer(tab: Tab, **options: Any) -> Any:
    body = {"query": QUESTION, "explain": True, "highlight": True, **options}
    return tab.api(SEARCH, body)


def test_hits_are_those_of_the_service_in_order(tab: Tab) -> None:
    tab.open("/?index=library")

    tab.ask(QUESTION)

    hits = answer(tab)["hits"]
    assert tab.ids() == [hit["id"] for hit in hits]
    expect(tab.page.locator("#status")).to_have_text("the first 10 results")
    for shown, hit in zip(tab.hits.all(), hits, strict=True):
        title = hit["document"]["title"] or hit["id"]
        assert shown.locator("h2 a").inner_text() == title
        assert shown.locator(".score").inner_text() == f"{hit['score']:.2f}"
        passage = hit["passage"]
        marked = [passage["text"][start:end] for start, end in passage["spans"]]
        assert shown.locator("mark").all_inner_texts() == marked
        assert passage["text"] in shown.locator(".passage").inner_text()
        assert "topic" in shown.locator(".facts").inner_text()


def test_times_are_shown_by_stage(tab: Tab) -> None:
    tab.open("/?index=library")

    tab.ask(QUESTION)

    times = tab.page.locator("#timing").inner_text()
    stages = ", ".join(rf"{name} [\d.]+" for name in answer(tab)["took_ms"] if name != "total")
    assert re.fullmatch(
        rf"[\d.]+ ms on the server \({stages}\) \u00b7 [\d.]+ ms round trip", times
    ), times


def test_warnings_are_passed_on(tab: Tab) -> None:
    tab.open("/?index=library")

    tab.ask('{"italy": 1, "notaterm": 1}')

    expect(tab.page.locator("#warnings li")).to_contain_text("notaterm")
    tab.ask('{"italy": 1}')
    expect(tab.page.locator("#warnings")).to_be_hidden()


def test_bars_equal_the_figures_of_the_service(tab: Tab) -> None:
    tab.open("/?index=library")
    tab.ask(QUESTION)
    hits = answer(tab)["hits"]
    assert {one["typed"] for hit in hits for one in hit["contributions"]} == {True, False}

    while (more := tab.page.locator(".rest button")).count():
        more.first.click()

    for shown, hit in zip(tab.hits.all(), hits, strict=True):
        bars = shown.locator("li.share").evaluate_all(
            """rows => rows.map((row) => ({
              word: row.querySelector('.word').childNodes,
              text: row.querySelector('.word').innerText,
              share: Number(row.dataset.share),
              typed: row.classList.contains('typed'),
              plus: Boolean(row.querySelector('.plus')),
              width: parseFloat(row.querySelector('.bar').style.width),
              percent: row.querySelector('.percent').innerText,
              title: row.title,
            }))"""
        )
        largest = max(one["share"] for one in hit["contributions"])
        for bar, one in zip(bars, hit["contributions"], strict=True):
            assert bar["title"].startswith(f"{one['word']}: ")
            assert one["word"] in bar["text"]
            assert bar["share"] == one["share"]
            assert bar["width"] == pytest.approx(100 * one["share"] / largest, abs=1e-3)
            assert bar["typed"] == one["typed"]
            assert bar["plus"] != one["typed"]
            shown_share = re.sub(r"[<% ]", "", bar["percent"])
            assert float(shown_share) == pytest.approx(100 * one["share"], abs=1.0)


def test_words_that_the_model_added_differ_by_more_than_colour(tab: Tab) -> None:
    tab.open("/?index=library")
    tab.ask(QUESTION)

    def pattern(kind: str) -> str:
        bar = tab.page.locator(f"li.share.{kind} .bar").first
        return str(bar.evaluate("one => getComputedStyle(one).backgroundImage"))

    assert pattern("typed") == "none"
    assert "repeating-linear-gradient" in pattern("added")
    assert tab.page.locator("li.share.added").first.inner_text().startswith("+")
    expect(tab.page.locator("li.share.added").first).to_contain_text("added by the model")


def test_an_address_holds_a_search(tab: Tab) -> None:
    tab.open("/?index=library")
    tab.ask(QUESTION)
    found = tab.ids()
    tab.ask("a holy place for pilgrims")
    assert tab.ids() != found

    parameters = parse_qs(urlsplit(tab.page.url).query)
    assert parameters == {"index": ["library"], "q": ["a holy place for pilgrims"]}
    assert tab.page.title() == "a holy place for pilgrims · lsr"
    tab.page.go_back()
    expect(tab.page.locator("#q")).to_have_value(QUESTION)
    expect(tab.page.locator("#hits h2 a").first).to_have_attribute("href", f"#doc/{found[0]}")
    tab.page.reload()
    tab.settled()
    assert tab.ids() == found


def test_more_hits_come_from_the_same_commit(tab: Tab) -> None:
    tab.open("/?index=library")
    tab.ask(QUESTION)
    commit = answer(tab)["commit"]

    with tab.page.expect_request(re.compile("/search$")) as asked:
        tab.page.get_by_role("button", name="More results").click()
    expect(tab.hits).to_have_count(20)

    body: Any = asked.value.post_data_json
    assert (body["commit"], body["offset"]) == (commit, 10)
    assert tab.ids() == [hit["id"] for hit in answer(tab, k=20)["hits"]]
    assert tab.page.evaluate("document.activeElement.closest('.hit').innerText").startswith("11")
    tab.page.get_by_role("button", name="More results").click()
    expect(tab.hits).to_have_count(28)
    expect(tab.page.get_by_role("button", name="More results")).to_be_hidden()
    expect(tab.page.locator("#status")).to_have_text("28 results")


def test_nothing_is_asked_while_typing_unless_wanted(tab: Tab) -> None:
    tab.open("/?index=library")
    asked: list[str] = []
    tab.page.on("request", lambda one: asked.append(one.url) if "/v1/" in one.url else None)
    switch = tab.page.get_by_role("switch", name="Search as you type")
    expect(switch).not_to_be_checked()

    tab.page.locator("#q").press_sequentially("river")
    tab.page.wait_for_timeout(400)
    assert asked == []
    switch.check(force=True)
    tab.page.locator("#q").press_sequentially("s")
    expect(tab.hits.first).to_be_visible()

    assert len(asked) == 1
    steps = tab.page.evaluate("history.length")
    tab.page.locator("#q").press_sequentially(" of Italy")
    expect(tab.page.locator("#hits h2 a").first).to_have_text("The Tiber")
    assert tab.page.evaluate("history.length") == steps
    tab.page.reload()
    expect(switch).to_be_checked()


def test_an_answer_that_comes_too_late_is_dropped(tab: Tab) -> None:
    tab.open("/?index=library")
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    tab.page.route(re.compile("/search$"), hold_first)
    tab.page.locator("#q").fill("pilgrims bathe")
    tab.page.keyboard.press("Enter")
    with tab.page.expect_event("requestfailed") as dropped:
        tab.ask("castles and gardens of France")
    assert dropped.value.url.endswith("/search")
    found = tab.ids()
    late = tab.api(SEARCH, {"query": "pilgrims bathe", "explain": True, "highlight": True})
    assert late["hits"][0]["id"] != found[0]

    held[0].fulfill(json=late)
    tab.page.wait_for_timeout(100)

    assert tab.ids() == found
    expect(tab.page.locator("#progress")).not_to_have_class("busy")


def test_vectors_are_questions_where_there_is_no_encoder(tab: Tab) -> None:
    tab.open("/?index=vectors")
    expect(tab.page.locator("#q-hint")).to_contain_text("takes vectors, not texts")

    tab.page.locator("#q-hint button").click()
    tab.settled()
    assert tab.hits.count() > 0
    tab.page.locator("#q").fill('{"n7": 1, "thing": 0.001}')
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#hits h2 a").first).to_have_text("t7")
    for typed, complaint in (
        ("a thing", "no encoder for texts"),
        ('{"thing": }', "not JSON"),
        ('{"thing": "much"}', 'The weight of "thing" is not a number'),
        ("{}", "no terms"),
    ):
        tab.page.locator("#q").fill(typed)
        tab.page.keyboard.press("Enter")
        expect(tab.page.locator("#message")).to_contain_text(complaint)
        assert tab.hits.count() == 0


def test_a_vector_may_be_asked_of_an_encoder_too(tab: Tab) -> None:
    tab.open("/?index=library")

    tab.ask('{"italy": 1.5}')

    assert tab.ids()[0].startswith("tiber")
    assert tab.page.locator("li.share").count() == tab.hits.count()


def test_another_index_can_be_chosen(tab: Tab) -> None:
    tab.open("/?index=library&q=river&filter=topic+%3D+%27art%27")

    tab.page.get_by_label("Index").select_option("vectors")

    expect(tab.page.locator("#message")).to_contain_text("no encoder for texts")
    expect(tab.page.locator("#filters")).to_be_hidden()
    assert parse_qs(urlsplit(tab.page.url).query) == {"index": ["vectors"], "q": ["river"]}


def test_both_halves_are_searched_when_wanted(tab: Tab) -> None:
    def hybrid(route: Route) -> None:
        listed = route.fetch().json()
        for one in listed["indexes"]:
            one["is_hybrid"] = one["name"] == "library"
        route.fulfill(json=listed)

    bodies: list[Any] = []

    def note(route: Route) -> None:
        body: Any = route.request.post_data_json
        bodies.append(dict(body))
        body.pop("alpha", None)
        route.continue_(post_data=body)

    tab.page.route(re.compile("/v1/indexes$"), hybrid)
    tab.page.route(re.compile("/search$"), note)
    tab.open("/?index=library&q=river")
    tab.settled()

    tab.page.get_by_role("switch", name="Search both halves").check(force=True)
    expect(tab.page.get_by_label("Share of the dense half")).to_be_visible()
    tab.settled()

    assert "alpha" not in bodies[0]
    assert bodies[-1]["alpha"] == 0.5
    assert parse_qs(urlsplit(tab.page.url).query)["alpha"] == ["0.5"]
