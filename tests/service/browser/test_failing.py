"""Nothing found, a refusal, a key that is needed, a server that is gone: the page says so."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from browser_tab import Tab

OPEN = "/?index=library&q=river"


def refuse(status: int, code: str, detail: str, **headers: str) -> Callable[[Route], None]:
    problem = {"type": "about:blank", "title": "T", "status": status, "code": code}
    body = {**problem, "detail": detail}

    def answer(route: Route) -> None:
        route.fulfill(
            status=status,
            json=body,
            headers={"content-type": "application/problem+json", **headers},
        )

    return answer


def test_a_question_that_nothing_answers(tab: Tab) -> None:
    tab.open("/?index=library")

    tab.ask('{"notaterm": 1}')

    expect(tab.page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(tab.page.locator("#status")).to_have_text("No results")
    assert tab.hits.count() == 0


def test_an_unknown_index(tab: Tab) -> None:
    tab.open("/?index=elsewhere&q=river")

    expect(tab.page.locator("#message")).to_contain_text("no index elsewhere here")
    tab.page.get_by_label("Index").select_option("library")
    expect(tab.hits).to_have_count(10)


def test_no_index_at_all(tab: Tab) -> None:
    tab.page.route(re.compile("/v1/indexes$"), lambda route: route.fulfill(json={"indexes": []}))

    tab.open("/")

    expect(tab.page.get_by_role("heading", name="No index yet")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (403, "Not allowed with this key"),
        (404, "Not there"),
        (410, "The index has moved on"),
        (413, "The search was refused"),
        (422, "The search was refused"),
        (429, "The server is busy"),
        (500, "The server failed"),
        (503, "The server is busy"),
        (504, "That took too long"),
    ],
)
def test_a_problem_is_shown_with_its_code(tab: Tab, status: int, title: str) -> None:
    detail = f"This is wrong with <b>{status}</b>."
    answer = refuse(status, "some-code", detail, **{"Retry-After": "3"})
    tab.page.route(re.compile("/search$"), answer)

    tab.open(OPEN)

    alert = tab.page.get_by_role("alert").filter(visible=True)
    expect(alert.get_by_role("heading", name=title)).to_be_visible()
    expect(alert).to_contain_text(detail)
    expect(alert).to_contain_text(f"status {status}, code some-code")
    expect(alert).to_contain_text("3 s")
    tab.page.unroute_all()
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.hits).to_have_count(10)
    expect(alert).to_be_hidden()


def test_a_page_that_is_no_json_is_a_failure_too(tab: Tab) -> None:
    page = {"status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"}
    tab.page.route(re.compile("/search$"), lambda route: route.fulfill(**page))

    tab.open(OPEN)

    expect(tab.page.locator("#message")).to_contain_text("status 502, code http-502")


def test_a_server_that_is_gone(tab: Tab) -> None:
    tab.open(OPEN)
    tab.page.context.set_offline(True)

    tab.ask("castle")
    expect(tab.page.get_by_role("heading", name="No answer")).to_be_visible()
    expect(tab.page.locator("#message")).to_contain_text("code server-unreachable")
    assert tab.hits.count() == 0
    tab.page.context.set_offline(False)
    tab.page.get_by_role("button", name="Try again").click()

    expect(tab.hits.first).to_be_visible()


def test_a_page_that_cannot_be_fetched_leaves_the_hits(tab: Tab) -> None:
    tab.open(OPEN)
    tab.page.route(re.compile("/search$"), refuse(410, "snapshot-gone", "Commit 1 is gone."))

    tab.page.get_by_role("button", name="More results").click()

    expect(tab.page.locator("#message")).to_contain_text("code snapshot-gone")
    expect(tab.hits).to_have_count(10)
    tab.page.unroute_all()
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.page.locator("#message")).to_be_empty()
    expect(tab.hits).to_have_count(10)


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(tab: Tab) -> None:
    sent: list[str | None] = []

    def guard(route: Route) -> None:
        key = route.request.header_value("authorization")
        sent.append(key)
        if key == "Bearer right":
            route.continue_()
        else:
            refuse(401, "key-needed", "Send an API key.")(route)

    tab.page.route(re.compile("/v1/"), guard)
    tab.open(OPEN)
    expect(tab.page.get_by_role("heading", name="A key is needed")).to_be_visible()
    expect(tab.page.get_by_role("alert").filter(visible=True)).to_contain_text("code key-needed")
    assert sent == [None]

    tab.page.get_by_label("API key").fill("wrong")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="The key was refused")).to_be_visible()
    tab.page.get_by_label("API key").fill("right")
    tab.page.keyboard.press("Enter")
    expect(tab.hits).to_have_count(10)
    tab.page.reload()
    expect(tab.hits).to_have_count(10)

    kept: dict[str, Any] = tab.page.evaluate(
        "({session: {...sessionStorage}, local: {...localStorage}, cookie: document.cookie})"
    )
    assert kept == {"session": {"lsr-key": "right"}, "local": {}, "cookie": ""}
    assert "right" not in tab.page.url
    expect(tab.page.get_by_role("group", name="topic")).to_be_visible()
