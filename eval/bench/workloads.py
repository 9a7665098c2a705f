"""What is encoded in a benchmark? Passages, long documents and queries, cut from one corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import load_transformers_tokenizer
from lsr.errors import InvalidInputError

PASSAGE_WORDS = 60
QUERY_WORDS = 8
PASSAGES_PER_LONG_DOCUMENT = 4
MOST_QUERIES = 100
LEAST = {"passages": 16, "long documents": 4, "queries": 16}

FULL_MODEL_BYTES = 32_000_000
"""Models up to this size encode all texts; larger ones fewer in proportion, for time's sake."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """Texts by kind.

    Attributes:
        passages: of `PASSAGE_WORDS` words.
        long_documents: longer than encoders are told to read, so all cut at the same length.
        queries: of `QUERY_WORDS` words, encoded one at a time.
    """

    passages: Sequence[str]
    long_documents: Sequence[str]
    queries: Sequence[str]

    def reduced(self, model_bytes: int) -> Workloads:
        """Return fewer texts for a larger model, but never too few to fill a batch."""
        share = min(1.0, FULL_MODEL_BYTES / model_bytes)

        def first(kind: str, texts: Sequence[str]) -> Sequence[str]:
            return texts[: max(LEAST[kind], round(share * len(texts)))]

        return Workloads(
            first("passages", self.passages),
            first("long documents", self.long_documents),
            first("queries", self.queries),
        )


def cut_workloads(texts: Iterable[str], n_passages: int, max_length: int) -> Workloads:
    """Cut texts of even length from a corpus, read as one long text and again from its start.

    Args:
        texts: read as far as needed.
        n_passages: number of passages; there are fewer long documents, and at most as many queries.
        max_length: tokens that a long document must have; none has fewer tokens than words.

    Raises:
        InvalidInputError: the texts hold no word.
    """
    n_long = max(1, n_passages // PASSAGES_PER_LONG_DOCUMENT)
    n_words = max(n_passages * PASSAGE_WORDS, n_long * max_length)
    words = list(islice((word for text in texts for word in text.split()), n_words))
    if not words:
        raise InvalidInputError("The corpus holds no word to encode.")
    passages = list(_cut(words, PASSAGE_WORDS, n_passages))
    starts = passages[:MOST_QUERIES]
    return Workloads(
        passages,
        list(_cut(words, max_length, n_long)),
        [" ".join(passage.split()[:QUERY_WORDS]) for passage in starts],
    )


def count_tokens(folder: Path, texts: Sequence[str], max_length: int) -> int:
    """Return how many tokens of the texts a model reads, special ones included."""
    checkpoint = check_checkpoint(folder).documents
    tokenizer = read_tokenizer(checkpoint.folder, checkpoint.model_type)
    tokenizer = tokenizer or load_transformers_tokenizer(checkpoint.folder)
    return sum(text.ids.size for text in TextTokenizer(tokenizer, max_length).tokenize(texts))


def _cut(words: Sequence[str], n_words: int, n_texts: int) -> Iterator[str]:
    stream = cycle(words)
    return (" ".join(islice(stream, n_words)) for _ in range(n_texts))
