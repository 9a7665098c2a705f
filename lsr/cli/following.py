"""How does a service see what is published at a URL later? It looks there now and then."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

logger = logging.getLogger(__name__)

LOOK_S = 30.0
"""Seconds between two looks; each asks for one small file."""


@contextmanager
def followed(places: Sequence[str], look_s: float = LOOK_S) -> Iterator[list[Path]]:
    """Yield where indexes lie; what is published at URLs comes there as long as the block runs.

    Args:
        places: folders, and URLs of indexes.
        look_s: seconds between two looks.

    Raises:
        LsrError: there is no index at a URL, or it cannot be copied.
    """
    from lsr.index import is_url, readable_folder

    folders = [readable_folder(place) for place in places]
    urls, ended = [place for place in places if is_url(place)], Event()
    looking = Thread(target=_look, args=(urls, ended, look_s), daemon=True)
    if urls:
        looking.start()
    try:
        yield folders
    finally:
        ended.set()
        if urls:
            looking.join()


def _look(urls: Sequence[str], ended: Event, look_s: float) -> None:
    from lsr.errors import LsrError
    from lsr.index import readable_folder

    while not ended.wait(look_s):
        for url in urls:
            try:
                readable_folder(url)
            except LsrError as error:
                logger.warning("What was read before is served on: %s", error)
