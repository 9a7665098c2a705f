"""Clients are told which index is meant, and never where it lies."""

from pathlib import Path

import pytest

from lsr.errors import ConfigError
from lsr.service.places import Places
from serving import Serve

PLACES = Places(
    lambda: {
        Path("/srv/indexes"): "the folder of the indexes",
        Path("/srv/indexes/a"): "the index 'a'",
        Path("/srv/my models/m.1"): "the model 'm'",
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/indexes/a has no dense half.", "the index 'a' has no dense half."),
        ("/srv/indexes/a/segments/1.x is damaged;", "the index 'a' is damaged;"),
        ("/srv/indexes/a-b is new.", "the folder of the indexes is new."),
        ("/srv/indexes/ab is new.", "the folder of the indexes is new."),
        ("No space at /srv/indexes: 0 left.", "No space at the folder of the indexes: 0 left."),
        ("/srv/my models/m.1/config.json, too", "the model 'm', too"),
        ("/srv/my models/mm1 is not known", "/srv/my models/mm1 is not known"),
        ("the term '/srv/other'", "the term '/srv/other'"),
    ],
)
def test_paths_become_names(text: str, expected: str) -> None:
    assert PLACES.hidden(text) == expected
    assert PLACES.problem_of(ConfigError(text)).detail == expected


@pytest.mark.parametrize("fields", [[], ["title"]])
def test_problems_of_a_search_name_no_path(folder: Path, serve: Serve, fields: list[str]) -> None:
    client = serve(folder)
    body = {"query": "a", "alpha": 0.5, "fields": fields}

    single = client.post("/v1/indexes/things/search", json=body)
    together = client.post("/v1/indexes/things/search/batch", json={"searches": [body]})

    for detail in (single.json()["detail"], together.json()["answers"][0]["detail"]):
        assert detail.startswith("the index 'things' has no dense half")
