"""The page on phones, in the dark, without motion, on paper; and colours that can be told apart."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from browser_tab import Tab

STYLE = Path(__file__).parents[3] / "service" / "page" / "style.css"
OPEN = "/?index=library&q=ships+carry+goods"
LONG = "/?index=hostile&q=" + quote('{"window": 1}')

TEXT_ON_GROUND = [
    ("--ink", "--paper"),
    ("--ink", "--raised"),
    ("--soft", "--paper"),
    ("--soft", "--raised"),
    ("--accent", "--paper"),
    ("--accent", "--raised"),
    ("--on-accent", "--accent"),
    ("--on-mark", "--mark"),
    ("--added", "--paper"),
    ("--added", "--raised"),
    ("--danger", "--paper"),
    ("--danger", "--danger-ground"),
    ("--ink", "--danger-ground"),
    ("--soft", "--danger-ground"),
    ("--ink", "--bar-ground"),
]
SHAPE_ON_GROUND = [
    *((bar, ground) for bar in ("--typed", "--added") for ground in ("--bar-ground", "--raised")),
    ("--accent", "--paper"),
]


def palettes() -> dict[str, dict[str, str]]:
    """Read the colours of both schemes; the dark one names again what differs."""
    source = STYLE.read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", source, re.DOTALL)[:2]
    colours = {
        scheme: dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", text))
        for scheme, text in (("light", light), ("dark", dark))
    }
    return {"light": colours["light"], "dark": {**colours["light"], **colours["dark"]}}


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_the_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_and_bars_can_be_seen(scheme: str) -> None:
    colours = palettes()[scheme]

    for pairs, least in ((TEXT_ON_GROUND, 4.5), (SHAPE_ON_GROUND, 3.0)):
        found = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
        assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_every_colour_of_the_page_is_a_variable() -> None:
    rules = STYLE.read_text(encoding="utf-8").split("* { box-sizing", 1)[1]

    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)[^{]*;", rules) == []
    assert set(re.findall(r"color: var\((--[\w-]+)\)", rules)) <= {
        text for text, _ in TEXT_ON_GROUND
    } | {"--line", "--danger"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme(new_tab: Callable[..., Tab], scheme: str) -> None:
    tab = new_tab(color_scheme=scheme)
    tab.open(OPEN)

    ground, ink = tab.page.evaluate(
        """['backgroundColor', 'color'].map(
          (name) => getComputedStyle(document.documentElement)[name].match(/\\d+/g).map(Number))"""
    )

    colours = palettes()[scheme]
    for found, name in ((ground, "--paper"), (ink, "--ink")):
        assert "#" + "".join(f"{one:02x}" for one in found[:3]) == colours[name]


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_everything_without_scrolling_sideways(
    new_tab: Callable[..., Tab], width: int
) -> None:
    tab = new_tab(viewport={"width": width, "height": 844}, has_touch=True, is_mobile=True)
    for address in ("/", OPEN, LONG, "/?index=vectors", "/?index=library&q=x&filter=year+%3E%3E"):
        tab.open(address)
        assert tab.scroll_width() == 0, address
    tab.open(LONG)
    tab.page.get_by_text("Filters").first.tap()
    expect(tab.page.get_by_role("group", name="topic")).to_be_visible()
    assert tab.scroll_width() == 0
    tab.hits.first.get_by_role("link").tap()
    expect(tab.page.get_by_role("dialog").locator(".text")).to_be_visible()
    widths = "one => one.scrollWidth - one.clientWidth"
    assert tab.page.get_by_role("dialog").evaluate(widths) == 0
    tab.page.goto(tab.url + "/docs")
    expect(tab.page.locator("#reference article").first).to_be_visible()
    assert tab.scroll_width() == 0


def test_nothing_moves_for_those_who_want_no_motion(new_tab: Callable[..., Tab]) -> None:
    tab = new_tab(reduced_motion="reduce")
    tab.open(OPEN)

    moving = tab.page.evaluate(
        """[...document.querySelectorAll('*')].filter((one) => {
          const style = getComputedStyle(one);
          return style.animationName !== 'none' || style.transitionDuration !== '0s';
        }).length"""
    )

    assert moving == 0


def test_paper_gets_the_hits_alone(tab: Tab) -> None:
    tab.open(OPEN)

    tab.page.emulate_media(media="print")

    expect(tab.hits.first).to_be_visible()
    for name in ("#filters", "#more", ".options", ".keys", ".top nav"):
        expect(tab.page.locator(name)).to_be_hidden()


def test_the_reference_names_every_path(tab: Tab) -> None:
    paths = tab.api("/openapi.json")["paths"]
    expected = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}

    tab.page.goto(tab.url + "/docs")
    headings = tab.page.locator("article h3")
    expect(headings).to_have_count(len(expected))

    shown = [tuple(one.split(None, 1)) for one in headings.all_text_contents()]
    assert {(verb, path.strip()) for verb, path in shown} == expected
    post = tab.page.locator("article", has_text="/v1/indexes/{name}/search").filter(has_text="POST")
    expect(post.first.locator("pre")).to_contain_text('{"query":"')
