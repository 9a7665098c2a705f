import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lsr.encoders import Aggregation, Passages
from lsr.retrieval import Index, explain_in_words
from lsr.sparse import SparseBatch
from word_encoder import WORDS, WordEncoder

TEXT = "bread honey. fig bread bread. egg"


class SentenceEncoder(WordEncoder):
    """Reads sentence by sentence; a word weighs as often as it occurs in one, or in all."""

    def __init__(self, aggregation: str) -> None:
        super().__init__()
        self.passages = Passages(Aggregation(aggregation))
        self._reduce: Callable[[Sequence[int]], int] = sum if aggregation == "sum" else max

    def split(self, text: str) -> list[tuple[int, int]]:
        return [one.span() for one in re.finditer(r"[^.]+\.?", text)]

    def _encode(self, texts: Sequence[str]) -> SparseBatch:
        rows = []
        for text in texts:
            sentences = [re.findall(r"\w+", text[start:end]) for start, end in self.split(text)]
            counts = {
                term: float(self._reduce([one.count(word) for one in sentences] or [0]))
                for term, word in enumerate(WORDS)
            }
            rows.append([(term, weight) for term, weight in counts.items() if weight])
        return SparseBatch.from_rows(rows, len(WORDS))


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        # The second sentence has the largest weight of "bread", 2.
        ("max", {(0, 12): 1.0, (12, 29): 3.0, (29, 33): 0.0}),
        # "bread" weighs 1 + 2.
        ("sum", {(0, 12): 2.0, (12, 29): 3.0, (29, 33): 0.0}),
    ],
)
def test_each_passage_has_what_it_gave(
    tmp_path: Path, aggregation: str, expected: dict[tuple[int, int], float]
) -> None:
    encoder = SentenceEncoder(aggregation)
    documents = [{"id": "a", "text": TEXT}, {"id": "b", "text": "apple"}]
    index = Index.build(tmp_path / "i", documents, encoder=encoder, weights="float32")

    found = explain_in_words(index, "bread honey fig", "a")

    assert found.passages is not None
    products = {(one.start, one.end): one.product for one in found.passages}
    assert products == pytest.approx(expected)
    assert sum(products.values()) == pytest.approx(found.explanation.score)
    assert sum(one.share for one in found.passages) == pytest.approx(1.0)
    assert found.passages[1].terms == ("bread", "fig")
    assert found.passages[2].terms == ()


def test_a_document_read_at_once_has_no_passages(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "i", [{"id": "a", "text": TEXT}], encoder=WordEncoder())

    assert explain_in_words(index, "honey", "a").passages is None
