"""While an index changes, every answer is that of the commit that it names."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lsr.retrieval import Index
from serving import Serve

TERMS = [f"t{number}" for number in range(12)]

Model = dict[str, dict[str, int]]


def expected(model: Model, query: dict[str, int], k: int) -> list[tuple[str, int]]:
    """Return the best documents by exhaustive search; ties by the order of their adding."""
    scores = [
        (doc_id, sum(weight * vector.get(term, 0) for term, weight in query.items()))
        for doc_id, vector in model.items()
    ]
    return sorted((one for one in scores if one[1]), key=lambda one: -one[1])[:k]


def run(
    client: TestClient, folder: Path, n_readers: int, seconds: float, pause_s: float
) -> tuple[int, int]:
    """Read and write at once; return how many answers were checked, of how many commits."""
    models: dict[int, Model] = {}
    answers: list[tuple[int, dict[str, int], list[tuple[str, float]]]] = []
    faults: list[str] = []
    is_over = threading.Event()

    def write() -> None:
        chance = random.Random(7)
        model: Model = {}
        index = Index.open(folder)
        n_added = 0
        while not is_over.is_set():
            with index.writer() as writer:
                for _ in range(20):
                    vector = {term: chance.randint(1, 3) for term in chance.sample(TERMS, 4)}
                    writer.add((f"d{n_added}", vector))
                    model[f"d{n_added}"] = vector
                    n_added += 1
                for doc_id in chance.sample(list(model), 5):
                    writer.delete(doc_id)
                    del model[doc_id]
                commit = writer.commit()
                models[commit] = dict(model)
            # A merge is a commit that changes no answer.
            last = index.searcher.manifest.commit
            models.update(dict.fromkeys(range(commit, last + 1), models[commit]))
            is_over.wait(pause_s)

    def read(seed: int) -> None:
        chance = random.Random(seed)
        while not is_over.is_set():
            query = {term: chance.randint(1, 3) for term in chance.sample(TERMS, 3)}
            body = {"vector": query, "k": 10, "fields": []}
            answer = client.post("/v1/indexes/living/search", json=body)
            if answer.status_code != 200:
                faults.append(answer.text)
                return
            values = answer.json()
            hits = [(hit["id"], hit["score"]) for hit in values["hits"]]
            answers.append((values["commit"], query, hits))

    threads = [threading.Thread(target=write)]
    threads += [threading.Thread(target=read, args=(seed,)) for seed in range(n_readers)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    is_over.set()
    for thread in threads:
        thread.join()

    assert not faults
    for commit, query, hits in answers:
        if commit in models:  # the first commit has no documents
            assert hits == expected(models[commit], query, 10), (commit, query)
        else:
            assert commit == 1
            assert hits == []
    return len(answers), len({commit for commit, _, _ in answers})


@pytest.fixture
def living(tmp_path: Path) -> Path:
    path = tmp_path / "living"
    Index.build(path, [], max_weight=255.0)  # whole numbers are kept exactly
    return path


def test_answers_are_those_of_their_commit(living: Path, serve: Serve) -> None:
    n_answers, n_commits = run(serve(living), living, n_readers=4, seconds=2, pause_s=0.05)

    assert n_answers > 20
    assert n_commits > 2


@pytest.mark.xdist_group("load")  # no two at once: each needs the machine
@pytest.mark.slow
def test_many_readers_and_a_writer(
    living: Path, serve: Serve, evidence: Callable[[str], None]
) -> None:
    n_answers, n_commits = run(serve(living), living, n_readers=32, seconds=60, pause_s=0.25)

    evidence(f"service: {n_answers} answers of {n_commits} commits equal exhaustive search")
    assert n_commits > 20


def test_searches_that_were_answered_together_equal_single_ones(living: Path, serve: Serve) -> None:
    chance = random.Random(3)
    with Index.open(living).writer() as writer:
        for number in range(500):
            vector = {term: chance.randint(1, 200) for term in chance.sample(TERMS, 5)}
            writer.add((f"d{number}", vector))
        writer.commit()
    client = serve(living)
    url = "/v1/indexes/living/search"
    queries = [
        {"vector": {term: chance.randint(1, 200) for term in chance.sample(TERMS, 3)}, "fields": []}
        for _ in range(80)
    ]

    together = client.post(f"{url}/batch", json={"searches": queries}).json()["answers"]

    for query, answer in zip(queries, together, strict=True):
        assert client.post(url, json=query).json()["hits"] == answer["hits"]
    counts = client.get("/metrics").text.splitlines()
    alone = next(one for one in counts if 'batch_queries_bucket{le="1.0"}' in one)
    all_ = next(one for one in counts if 'batch_queries_bucket{le="+Inf"}' in one)
    assert float(all_.split()[1]) > float(alone.split()[1])  # some were indeed together
