from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.encoders.tokenization import TextTokenizer, TokenizedText
from lsr.errors import InvalidInputError
from lsr.training.batches import Batches
from lsr.training.data import Example, TrainingData
from tiny_models import word_piece_tokenizer

N = 5
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def batches(seed: int = 0, n_steps: int = 20, batch: int = 2, **share: Any) -> Batches:
    """Return batches of queries 0 to 4, whose letters tell which texts were drawn."""
    texts = {f"d{n}": LETTERS[n] for n in range(15)}
    examples = [
        Example(
            f"q{n}",
            LETTERS[20 + n],
            (f"d{n}", "d0"),
            tuple(f"d{one}" for one in range(5, 15)),
            {f"d{one}": float(one + 100 * n) for one in range(15)},
        )
        for n in range(N)
    ]
    tokenizer = TextTokenizer(word_piece_tokenizer(), 8)
    return Batches(
        TrainingData(examples, texts, {}),
        tokenizer,
        tokenizer,
        n_steps=n_steps,
        batch=batch,
        n_negatives=3,
        seed=seed,
        **share,
    )


def letters(texts: Sequence[TokenizedText]) -> list[str]:
    names = word_piece_tokenizer()
    return [str(names.id_to_token(int(one.ids[1]))) for one in texts]


def test_every_query_comes_once_before_any_comes_again() -> None:
    found = batches()
    order = [one for step in range(20) for one in letters(found[step]["batch"].queries)]

    rounds = [order[start : start + N] for start in range(0, 40, N)]

    assert all(sorted(one) == list(LETTERS[20:25]) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_a_step_is_the_same_whatever_was_read_before() -> None:
    read = batches()
    for step in range(13):
        read[step]

    first, second = read[13]["batch"], batches()[13]["batch"]

    assert letters(first.queries) == letters(second.queries)
    assert letters(first.documents) == letters(second.documents)
    assert first.teacher is not None
    np.testing.assert_array_equal(first.teacher, second.teacher)


def test_another_seed_is_another_order_and_draws_other_negatives() -> None:
    for part in (slice(0, None, 4), slice(1, None, 4)):  # positives, and the first negatives
        orders = [
            [letters(batches(seed)[step]["batch"].documents)[part] for step in range(5)]
            for seed in (0, 1)
        ]
        assert orders[0] != orders[1]


def test_groups_begin_with_a_positive_and_hold_different_negatives() -> None:
    drawn: Counter[str] = Counter()
    positives: Counter[str] = Counter()
    for step in range(200):
        batch = batches(n_steps=200)[step]["batch"]
        for row, query in enumerate(letters(batch.queries)):
            group = letters(batch.documents)[row * 4 : row * 4 + 4]
            number = LETTERS.index(query) - 20
            assert group[0] in (LETTERS[number], "a")
            assert set(group[1:]) <= set(LETTERS[5:15])
            assert len(set(group)) == 4
            drawn.update(group[1:])
            positives.update(group[:1])
            # The teacher's scores are those of these documents.
            expected = [LETTERS.index(one) + 100 * number for one in group]
            assert batch.teacher is not None
            assert batch.teacher[row].tolist() == expected
    assert min(drawn[one] for one in LETTERS[5:15]) > 60  # of 120 expected
    assert positives["a"] > 160  # of 240: always of the first query, half the time of others


def test_says_which_documents_of_the_batch_are_relevant() -> None:
    batch = batches(batch=4)[0]["batch"]
    queries, documents = letters(batch.queries), letters(batch.documents)

    for row, query in enumerate(queries):
        positives = {LETTERS[LETTERS.index(query) - 20], "a"}
        assert batch.relevant[row].tolist() == [one in positives for one in documents]


def test_processes_share_a_batch_and_know_all_of_it() -> None:
    whole = batches(batch=4)[3]["batch"]
    parts = [batches(batch=4, process=one, n_processes=2)[3]["batch"] for one in range(2)]

    assert letters([*parts[0].queries, *parts[1].queries]) == letters(whole.queries)
    assert letters([*parts[0].documents, *parts[1].documents]) == letters(whole.documents)
    for part in parts:
        np.testing.assert_array_equal(part.relevant, whole.relevant)


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot be shared by 2 processes"):
        batches(batch=3, n_processes=2)


def test_a_text_without_tokens_is_named(tmp_path: Path) -> None:
    tokenizer = TextTokenizer(word_piece_tokenizer(), 8)
    example = Example("q", "\u200b", ("d",), (), {})
    made = Batches(
        TrainingData([example], {"d": "a"}, {}),
        tokenizer,
        tokenizer,
        n_steps=1,
        batch=1,
        n_negatives=0,
        seed=0,
    )

    with pytest.raises(InvalidInputError, match="The query 'q' has no tokens"):
        made[0]


def test_the_recall_of_both_sides_is_that_of_the_whole_batch() -> None:
    plain = batches(batch=4)[3]["batch"]
    shared = batches(batch=4, needs_recall=True, process=1, n_processes=2)[3]["batch"]

    assert not plain.recall
    of_queries, of_documents = shared.recall
    assert set(of_queries.rows) == {0, 1, 2, 3}
    assert set(of_documents.rows) == {0, 4, 8, 12}
