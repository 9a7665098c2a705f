"""A real service with small indexes, and a real browser to look at its page."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

import browser as chromium_finder
from browser_tab import Tab, open_tab
from hostile_texts import hostile_documents
from lsr.encoders import load_encoder
from lsr.retrieval import Index
from page_corpus import FIELDS, library_documents
from service_process import running_service


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the indexes that are served."""
    root = tmp_path_factory.mktemp("root")
    if importlib.util.find_spec("cognition") is None:
        pytest.skip("splade-tiny is not installed")
    encoder = load_encoder("splade-tiny", max_length=64)
    Index.build(root / "library", library_documents(), encoder=encoder, fields=FIELDS)
    Index.build(root / "hostile", hostile_documents(), fields={"topic": "str", "tags": "tags"})
    things = [(f"t{number}", {"thing": 1 + number / 10, f"n{number}": 1.0}) for number in range(30)]
    Index.build(root / "vectors", things)
    return root


@pytest.fixture(scope="session")
def url(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the service answers."""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with running_service(root, log=log) as service:
        yield service.url


@pytest.fixture(scope="module")  # not longer: its event loop would be in the way of other tests
def browser() -> Iterator[Browser]:
    path = chromium_finder.chromium()
    if path is None:
        pytest.skip("there is no chromium on the PATH: make browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def new_tab(browser: Browser, url: str) -> Iterator[Callable[..., Tab]]:
    """Opens tabs with options of their own."""
    with ExitStack() as stack:

        def opened(**options: Any) -> Tab:
            return stack.enter_context(open_tab(browser, url, **options))

        yield opened


@pytest.fixture
def tab(new_tab: Callable[..., Tab]) -> Tab:
    """A tab of usual size, not yet anywhere."""
    return new_tab()
