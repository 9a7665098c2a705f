from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.documents import QueryBatch
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.datasets import Dataset
from lsr.eval.qrels import Qrel
from lsr.training.candidate_file import read_candidates
from lsr.training.mining import Mining, encoded_lines, mine
from lsr.training.teachers import Pairs

HITS = [(f"d{n}", 20.0 - n) for n in range(20)]


class Judge:
    """Scores a document by the number in its text, and ten times the query's."""

    def score(
        self, queries: Sequence[str], documents: Sequence[str], pairs: Pairs
    ) -> NDArray[np.float32]:
        return np.array(
            [10 * int(queries[one][1:]) + int(documents[two].split()[-1]) for one, two in pairs],
            np.float32,
        )


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "corpus.jsonl").write_text(
        "".join(f'{{"_id": "d{n}", "text": "text {n}"}}\n' for n in range(20))
    )
    qrels = [Qrel("q0", "d8", 1), Qrel("q0", "d9", 1), Qrel("q0", "d3", 0), Qrel("q1", "d5", 1)]
    queries = QueryBatch(["q0", "q1", "q2"], ["q0", "q1", "q2"])
    return Dataset("data", str(tmp_path), queries, qrels, False)


def test_negatives_are_hits_of_the_ranks_that_are_not_relevant(dataset: Dataset) -> None:
    run = {"q0": HITS, "q1": HITS[:4], "q2": HITS}

    found = mine(dataset, [run], Mining(ranks=(3, 12)))

    assert [one.query_id for one in found] == ["q0", "q1"]
    assert found[0].negatives == ("d2", "d3", "d4", "d5", "d6", "d7", "d10", "d11")
    assert found[1].negatives == ("d2", "d3")


def test_systems_are_taken_in_turn(dataset: Dataset) -> None:
    runs = [{"q0": HITS[:3]}, {"q0": HITS[10:12]}, {"q0": HITS[1:2]}]

    found = mine(dataset, runs, Mining())

    assert found[0].negatives == ("d0", "d10", "d1", "d11", "d2")
    assert found[1].negatives == ()


def test_some_are_drawn_anew_for_each_query_and_seed(dataset: Dataset) -> None:
    run = {"q0": HITS[10:], "q1": HITS[10:]}  # none of them relevant to either
    drawn = [mine(dataset, [run], Mining(per_query=5, seed=seed)) for seed in (0, 0, 1)]

    assert drawn[0] == drawn[1] != drawn[2]
    assert [len(one.negatives) for one in drawn[0]] == [5, 5]
    assert drawn[0][0].negatives != drawn[0][1].negatives


def test_a_teacher_scores_positives_and_what_is_drawn(dataset: Dataset, tmp_path: Path) -> None:
    found = mine(dataset, [{"q0": HITS[:3], "q1": HITS[:1]}], Mining(), Judge())

    assert found[0].scores == {"d8": 8, "d9": 9, "d0": 0, "d1": 1, "d2": 2}
    assert found[1].scores == {"d5": 15, "d0": 10}
    file = tmp_path / "negatives.jsonl"
    file.write_bytes(encoded_lines(found))
    assert list(read_candidates(file).values()) == found


def test_what_a_teacher_finds_nearly_as_good_as_the_positives_is_left_out(
    dataset: Dataset,
) -> None:
    found = mine(dataset, [{"q0": HITS, "q1": HITS}], Mining(margin=3.0), Judge())

    assert found[0].negatives == ("d0", "d1", "d2", "d3", "d4")  # below 8 - 3
    assert found[1].negatives == ("d0", "d1")  # below 15 - 3


def test_a_margin_needs_a_teacher(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match="name a teacher"):
        mine(dataset, [{"q0": HITS}], Mining(margin=1.0))


def test_systems_that_searched_other_queries_are_noticed(dataset: Dataset) -> None:
    with pytest.raises(InvalidInputError, match="no query has a hit between ranks 1 and 200"):
        mine(dataset, [{"other": HITS}], Mining())


def test_ranks_that_run_backwards_are_refused() -> None:
    with pytest.raises(ConfigError, match="from 9 to 3"):
        Mining(ranks=(9, 3))
