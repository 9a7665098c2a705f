"""A service that is killed while documents come in loses nothing that it has acknowledged."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from lsr.retrieval import Index
from service_process import RunningService, running_service

N_IDS = 60
LINES = {"Content-Type": "application/x-ndjson"}


class Ledger:
    """What a client knows: the last version of each document that was acknowledged."""

    def __init__(self) -> None:
        self.versions: dict[str, int | None] = {}
        self.unsure: dict[str, int | None] = {}
        self.n_acknowledged = 0

    def send(self, client: httpx.Client, url: str, version: int, chance: random.Random) -> None:
        """Send one change, and take note of it when it is acknowledged."""
        names = [f"d{number}" for number in chance.sample(range(N_IDS), 20)]
        known = [name for name in names if self.versions.get(name) is not None]
        wait = chance.choice(["true", "false"])
        if known and chance.random() < 0.3:
            change: dict[str, int | None] = dict.fromkeys(known, None)
            body = "\n".join(map(json.dumps, known))
            place = f"{url}/v1/indexes/live/documents/delete?wait={wait}"
        else:
            change = dict.fromkeys(names, version)
            records = [{"id": name, "vector": {"x": 1.0}, "version": version} for name in names]
            body = "\n".join(map(json.dumps, records))
            place = f"{url}/v1/indexes/live/documents?wait={wait}"
        self.unsure = change
        answer = client.post(place, content=body, headers=LINES)
        if answer.status_code in (200, 202):
            self.versions |= change
            self.n_acknowledged += 1
            self.unsure = {}
        else:
            assert answer.status_code == 429, answer.text


def send_until_killed(service: RunningService, ledger: Ledger, chance: random.Random) -> None:
    killer = threading.Timer(chance.uniform(0.0, 1.5), service.process.kill)
    with httpx.Client(timeout=60) as client:
        ledger.send(client, service.url, ledger.n_acknowledged + 1, chance)
        killer.start()
        try:
            while True:
                ledger.send(client, service.url, ledger.n_acknowledged + 1, chance)
        except httpx.TransportError:
            killer.join()


def finish_tasks(client: httpx.Client) -> None:
    unfinished = True
    while unfinished:
        tasks = client.get("/v1/tasks?limit=1000").json()["tasks"]
        assert [one for one in tasks if one["state"] == "failed"] == []
        unfinished = any(one["state"] != "succeeded" for one in tasks)
        time.sleep(0.02 if unfinished else 0)


def compare(client: httpx.Client, ledger: Ledger) -> None:
    for number in range(N_IDS):
        name = f"d{number}"
        answer = client.get(f"/v1/indexes/live/documents/{name}")
        found = answer.json()["document"]["version"] if answer.status_code == 200 else None
        allowed = [ledger.versions.get(name)]
        if name in ledger.unsure:
            allowed.append(ledger.unsure[name])
        assert found in allowed, (name, found, allowed)
        ledger.versions[name] = found


@pytest.mark.xdist_group("load")  # no two at once: each needs the machine
@pytest.mark.parametrize(
    "n_kills", [1, pytest.param(10, marks=pytest.mark.slow)], ids=["once", "often"]
)
def test_every_acknowledged_change_survives_kills(
    tmp_path: Path, n_kills: int, evidence: object
) -> None:
    root, log = tmp_path / "root", tmp_path / "log"
    Index.build(root / "live", [("first", {"x": 1.0})])
    chance = random.Random(7)
    ledger = Ledger()

    for _ in range(n_kills):
        with running_service(root, log=log, options=("--no-log-requests",)) as service:
            with httpx.Client(base_url=service.url, timeout=60) as client:
                finish_tasks(client)
                compare(client, ledger)
            ledger.unsure = {}
            send_until_killed(service, ledger, chance)
    with (
        running_service(root, log=log, options=("--no-log-requests",)) as service,
        httpx.Client(base_url=service.url, timeout=60) as client,
    ):
        finish_tasks(client)
        compare(client, ledger)

    assert ledger.n_acknowledged >= n_kills
    assert callable(evidence)
    evidence(
        f"service: {n_kills} kills -9 during {ledger.n_acknowledged} acknowledged streams: "
        "none was lost"
    )
