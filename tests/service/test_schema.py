"""No request that the documentation allows, or nearly allows, makes the service fail."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from lsr.retrieval import Index
from lsr.service.app import create_app
from lsr.service.key_file import Scope, create_key
from lsr.service.settings import Settings

REQUESTS_A_PATH = 70

CHANGE_THE_INDEX = {"/v1/indexes/{name}", "/v1/indexes/{name}/restore"}
"""Paths that are asked with names of any kind, so that the index stays."""

pytestmark = pytest.mark.slow


@schemathesis.serializer("application/x-ndjson")
def _lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    rows = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize("with_key", [False, True])
def test_no_request_makes_it_fail(
    with_key: bool, tmp_path: Path, evidence: Callable[[str], None]
) -> None:
    folder = tmp_path / "root" / "things"
    documents = [("a", {"cat": 2.0}), ("b", {"cat": 1.0})]
    Index.build(folder, documents, fields={"year": "int"}, weights="float32")
    keys, headers = None, {}
    if with_key:
        keys = tmp_path / "keys.json"
        token = create_key(keys, "all", list(Scope))
        headers = {"Authorization": f"Bearer {token}"}
    app = create_app([folder.parent], Settings(keys=keys, log_requests=False))
    statuses: Counter[int] = Counter()

    with TestClient(app, raise_server_exceptions=False) as client:
        assert app.state.warming.wait(120)
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()

            @given(case=operation.as_strategy())
            @settings(
                max_examples=REQUESTS_A_PATH,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Case[Any]) -> None:
                if case.path not in CHANGE_THE_INDEX and "name" in case.path_parameters:
                    case.path_parameters["name"] = "things"
                wanted = case.as_transport_kwargs(headers=headers)
                del wanted["cookies"]
                wanted["content"] = wanted.pop("data", None)
                answer = client.request(**wanted)
                statuses[answer.status_code] += 1
                assert answer.status_code < 500, (wanted, answer.text)
                if answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert {"code", "detail", "request_id"} <= set(answer.json())

            ask()

    evidence(f"service: {statuses.total()} requests of its schema, key {with_key}: {statuses}")
    assert statuses.total() >= 1_000
