"""Pages must stay true: generated text, links, commands to type and examples in docstrings."""

import doctest
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import lsr

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "eval", "examples", "index", "kernels", "lsr", "service", "tests", "tools")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md"))]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """Return what can follow # in a link to a page: its headings, as forges name them."""
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def relative_links(page: Path) -> Iterator[tuple[Path, str]]:
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = link.partition("#")
            yield (page.parent / name if name else page), anchor


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in relative_links(page)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]

    assert not broken


@each_page
def test_named_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)", text))
    for block in CODE_BLOCK.findall(text):
        named |= set(re.findall(r"^ *\$? *make ([a-z-]+)", block, re.MULTILINE))

    assert named <= targets


def test_command_reference_is_current() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_cli_docs.py", "--check"],
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_examples_in_docstrings_are_true() -> None:
    names = [module.name for module in pkgutil.walk_packages(lsr.__path__, "lsr.")]
    results = {name: doctest.testmod(import_module(name)) for name in ["lsr", *names]}

    assert not {name: result for name, result in results.items() if result.failed}
    assert sum(result.attempted for result in results.values()) > 0
