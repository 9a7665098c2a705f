from pathlib import Path

import pytest

from lsr.errors import InvalidInputError
from lsr.eval.bench.workloads import LEAST, count_tokens, cut_workloads
from tiny_models import save_tiny_model

WORDS = [f"w{number}" for number in range(1000)]


def test_texts_follow_each_other_in_the_corpus() -> None:
    texts = [" ".join(WORDS[:500]), " ", "\n".join(WORDS[500:])]

    workloads = cut_workloads(texts, n_passages=12, max_length=100)

    assert [text.split() for text in workloads.passages] == [
        WORDS[start : start + 60] for start in range(0, 720, 60)
    ]
    assert [text.split() for text in workloads.long_documents] == [
        WORDS[start : start + 100] for start in range(0, 300, 100)
    ]
    assert workloads.queries[1].split() == WORDS[60:68]


def test_a_short_corpus_is_read_again() -> None:
    workloads = cut_workloads(["a b c"], n_passages=2, max_length=8)

    assert workloads.passages[0] == " ".join(["a", "b", "c"] * 20)
    assert workloads.long_documents == ["a b c a b c a b"]


def test_a_long_corpus_is_not_read_to_its_end() -> None:
    def corpus() -> object:
        yield from [" ".join(WORDS)] * 2
        raise AssertionError

    assert len(cut_workloads(corpus(), n_passages=20, max_length=8).passages) == 20  # type: ignore[arg-type]


def test_a_corpus_without_words_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no word"):
        cut_workloads([" ", ""], n_passages=2, max_length=8)


def test_large_models_get_fewer_texts_but_some() -> None:
    workloads = cut_workloads([" ".join(WORDS)], n_passages=200, max_length=8)

    small, large = workloads.reduced(1_000), workloads.reduced(10**12)

    assert small == workloads
    assert len(large.passages) == LEAST["passages"]
    assert len(large.long_documents) == LEAST["long documents"]
    assert len(workloads.reduced(64_000_000).passages) == 100


def test_tokens_are_counted_as_far_as_they_are_read(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)

    assert count_tokens(folder, ["sparse retrieval", "the the the the"], 5) == 4 + 5
