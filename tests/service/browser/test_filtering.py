"""A reader narrows a search: by ticks, by bounds, and by writing the filter."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, expect

from browser_tab import Tab

SEARCH = "/v1/indexes/library/search"


def box(tab: Tab) -> Locator:
    return tab.page.get_by_label("Filter", exact=True)


def ids(tab: Tab, where: str) -> list[str]:
    answer = tab.api(SEARCH, {"query": "river", "filter": where})
    return [hit["id"] for hit in answer["hits"]]


def opened(tab: Tab, where: str = "") -> None:
    tab.open("/?index=library&q=river" + (f"&filter={where}" if where else ""))


def shows(tab: Tab, where: str) -> None:
    """Check that the filter is this one: in its box, in the address and in the hits."""
    expect(box(tab)).to_have_value(where)
    tab.settled()
    assert tab.ids() == ids(tab, where)
    assert parse_qs(urlsplit(tab.page.url).query)["filter"] == [where]


def facet(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("group", name=name, exact=True)


def test_fields_show_their_values_and_counts(tab: Tab) -> None:
    opened(tab)
    fields: dict[str, Any] = {
        one["name"]: one for one in tab.api("/v1/indexes/library/fields")["fields"]
    }

    for name in ("topic", "navigable", "lands"):
        shown = facet(tab, name).locator("label")
        rows = [(one.locator(".value"), one.locator(".count")) for one in shown.all()]
        found = [(value.inner_text(), int(count.inner_text())) for value, count in rows]
        values = [(one["value"], one["n_docs"]) for one in fields[name]["values"][:8]]
        # JavaScript and JSON write true and false in small letters.
        expected = [
            (json.dumps(one) if one is True or one is False else one, n) for one, n in values
        ]
        assert found == expected
    least = facet(tab, "year").get_by_label("least year")
    assert least.get_attribute("placeholder") == str(fields["year"]["smallest"])
    facet(tab, "lands").get_by_role("button").click()
    assert facet(tab, "lands").locator("li").count() == len(fields["lands"]["values"])


def test_ticks_become_a_filter_and_leave_it(tab: Tab) -> None:
    opened(tab)

    facet(tab, "topic").get_by_label("art").check()
    shows(tab, "topic = 'art'")
    facet(tab, "topic").get_by_label("history").check()
    shows(tab, "topic in ('art', 'history')")
    facet(tab, "navigable").get_by_label("true").check()
    shows(tab, "topic in ('art', 'history') and navigable = true")
    facet(tab, "topic").get_by_label("art").uncheck()
    shows(tab, "navigable = true and topic = 'history'")
    expect(facet(tab, "topic").get_by_label("history")).to_be_checked()
    tab.page.go_back()
    shows(tab, "topic in ('art', 'history') and navigable = true")
    expect(facet(tab, "topic").get_by_label("art")).to_be_checked()


def test_bounds_become_a_filter(tab: Tab) -> None:
    opened(tab)

    facet(tab, "year").get_by_label("least year").fill("2000")
    tab.page.keyboard.press("Enter")
    shows(tab, "year >= 2000")
    facet(tab, "year").get_by_label("greatest year").fill("2010")
    tab.page.keyboard.press("Tab")
    shows(tab, "year >= 2000 and year <= 2010")
    facet(tab, "year").get_by_label("least year").fill("")
    tab.page.keyboard.press("Tab")
    shows(tab, "year <= 2010")
    facet(tab, "length_km").get_by_label("least length_km").fill("2e3")
    tab.page.keyboard.press("Tab")
    shows(tab, "year <= 2010 and length_km >= 2e3")


def test_a_bound_that_is_no_number_is_not_sent(tab: Tab) -> None:
    opened(tab)

    facet(tab, "year").get_by_label("least year").fill("old")
    tab.page.keyboard.press("Tab")

    expect(box(tab)).to_have_value("")


def test_a_written_filter_ticks_what_it_says(tab: Tab) -> None:
    opened(tab, "lands+in+('Italy',%20%22France%22)%20AND%20year%20%3E%3D%201990")

    for land in ("Italy", "France"):
        expect(facet(tab, "lands").get_by_label(land)).to_be_checked()
    expect(facet(tab, "year").get_by_label("least year")).to_have_value("1990")
    facet(tab, "lands").get_by_label("France").uncheck()
    shows(tab, "year >= 1990 and lands = 'Italy'")


def test_what_no_tick_can_say_is_kept(tab: Tab) -> None:
    opened(tab)

    box(tab).fill("topic = 'art' or year < 1980")
    tab.page.keyboard.press("Enter")
    shows(tab, "topic = 'art' or year < 1980")
    expect(facet(tab, "topic").get_by_label("art")).not_to_be_checked()
    facet(tab, "navigable").get_by_label("false").check()
    shows(tab, "(topic = 'art' or year < 1980) and navigable = false")
    facet(tab, "lands").get_by_label("France").check()
    shows(tab, "(topic = 'art' or year < 1980) and navigable = false and lands = 'France'")
    facet(tab, "navigable").get_by_label("false").uncheck()
    shows(tab, "(topic = 'art' or year < 1980) and lands = 'France'")


def test_a_value_beside_a_hit_narrows_the_search(tab: Tab) -> None:
    opened(tab)

    tab.hits.first.get_by_role("button", name=re.compile("^topic ")).click()

    topic = tab.api("/v1/indexes/library/documents/" + ids(tab, "year > 0")[0])["document"]["topic"]
    shows(tab, f"topic = '{topic}'")


def test_the_filter_can_be_cleared(tab: Tab) -> None:
    opened(tab, "topic = 'art'")

    tab.page.get_by_role("button", name="Clear").click()

    expect(box(tab)).to_have_value("")
    tab.settled()
    assert len(tab.ids()) == 10
    assert "filter" not in parse_qs(urlsplit(tab.page.url).query)


def test_a_filter_that_lets_nothing_through_can_be_left(tab: Tab) -> None:
    opened(tab, "year > 3000")

    expect(tab.page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(tab.page.locator("#status")).to_have_text("No results")
    tab.page.get_by_role("button", name="Search without the filter").click()

    expect(tab.hits.first).to_be_visible()


def test_a_wrong_filter_is_explained_where_it_stands(tab: Tab) -> None:
    opened(tab, "year >>")

    problem = tab.page.locator("#filter-problem")
    expect(problem).to_contain_text("The filter is wrong at column")
    expect(box(tab)).to_have_attribute("aria-invalid", "true")
    expect(tab.page.locator("#message")).to_contain_text("status 422, code invalid-input")
    box(tab).fill("year > 2000")
    tab.page.keyboard.press("Enter")
    shows(tab, "year > 2000")
    expect(problem).to_be_hidden()
