from pathlib import Path

import pytest

from lsr.retrieval import Index
from lsr.service.example_vector import example_vector


@pytest.mark.parametrize("n_others", [0, 1, 1000])
def test_names_the_most_frequent_words(tmp_path: Path, n_others: int) -> None:
    documents = [
        (f"d{number}", {"##x": 1.0, "cat": 1.0} | ({"dog": 2.0} if number else {}))
        for number in range(4)
    ]
    documents += [("other", {f"other{number}": 1.0 for number in range(n_others)} or {"dog": 1.0})]
    index = Index.build(tmp_path / "idx", documents)

    example = example_vector(index.searcher)

    assert index.search(example)
    assert "##x" not in example
    if n_others <= 1:
        assert example == {"cat": 1.0, "dog": 1.0}


def test_an_index_without_documents_has_none(tmp_path: Path) -> None:
    index = Index.build(tmp_path / "idx", [])

    assert example_vector(index.searcher) == {}
