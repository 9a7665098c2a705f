"""What is an encoder made of? A tower for queries and one for documents, which may be the same.

The tower of documents is loaded when it is first needed, so that a search does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from lsr.encoders.base import EncodedTexts, EncodingListener
from lsr.encoders.decoding import decode_batch
from lsr.encoders.passages import Passages
from lsr.encoders.tower import Tower
from lsr.errors import UnsupportedModelError
from lsr.sparse import SparseBatch, vocabulary_fingerprint


class TwoTowerEncoder:
    """Encodes documents and queries; made by `load_encoder`.

    Args:
        model: what the user named.
        settings: JSON values that, with those of the documents' tower, load the encoder again.
        queries: the tower of queries.
        load_documents: loads the tower of documents, or returns that of queries.
        weight_ceiling: largest weight of a document; None where there is no limit.
        passages: how documents are split that are longer than the network reads; None to cut them.
    """

    def __init__(
        self,
        *,
        model: str,
        settings: Mapping[str, Any],
        queries: Tower,
        load_documents: Callable[[], Tower],
        weight_ceiling: float | None,
        passages: Passages | None,
    ) -> None:
        self.model = model
        self.passages = passages
        self.weight_ceiling = weight_ceiling
        self.queries = queries
        self.tokens = queries.tokens
        self.fingerprint = vocabulary_fingerprint(queries.tokens)
        self._settings = settings
        self._load_documents = load_documents

    @property
    def settings(self) -> dict[str, Any]:
        """JSON values from which the same encoder can be loaded again."""
        settings = {**self._settings, **self.documents.settings}
        query_max_length = self.queries.settings["max_length"]
        if query_max_length != settings["max_length"]:
            settings["query_max_length"] = query_max_length
        return settings

    @property
    def separator(self) -> str:
        """What is written between parts of one text, such as the turns of a conversation."""
        return self.queries.separator

    def encode_documents(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> SparseBatch:
        """Return one vector per document text, in input order; see `Tower.encode`."""
        return self.documents.encode(texts, listener)

    def encode_stream(
        self, runs: Iterable[Sequence[str]], listener: EncodingListener | None = None
    ) -> Generator[EncodedTexts, None, None]:
        """Encode the texts of documents while they are read; see `Encoder.encode_stream`."""
        return self.documents.encode_stream(runs, listener)

    def encode_queries(self, texts: Sequence[str]) -> SparseBatch:
        """Return one vector per query text, in input order; see `Tower.encode`."""
        return self.queries.encode(texts)

    @property
    def dense_size(self) -> int:
        """Numbers in a dense row; 0 where the method has no dense half."""
        return self.queries.dense_size

    def encode_documents_densely(
        self, texts: Sequence[str], listener: EncodingListener | None = None
    ) -> EncodedTexts:
        """Return the vectors of document texts, sparse and dense; see `DenseEncoder`."""
        return self.documents.encode_texts(texts, listener)

    def encode_queries_densely(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the vectors of query texts, sparse and dense; see `DenseEncoder`."""
        return self.queries.encode_texts(texts)

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a document's text has, special ones included, before it is cut."""
        return self.documents.count_tokens(text)

    def split(self, text: str) -> list[tuple[int, int]]:
        """Return the passages of a document's text that are encoded; see `Encoder.split`."""
        passages = self.documents.split(text)
        return passages if self.passages else passages[:1]

    def decode(self, batch: SparseBatch, top_k: int | None = None) -> list[dict[str, float]]:
        """Return each row as ``{token: weight}``, heaviest first, ties by term id.

        Raises:
            InvalidInputError: the batch is over another vocabulary, or `top_k` is below 1.
        """
        return decode_batch(batch, self.tokens, top_k)

    def term_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Return (term id, start, end) for the tokens of `text`, as character offsets."""
        return self.queries.term_spans(text)

    @cached_property
    def documents(self) -> Tower:
        """The tower of documents.

        Raises:
            UnsupportedModelError: its vocabulary is not that of queries.
        """
        tower = self._load_documents()
        if vocabulary_fingerprint(tower.tokens) != self.fingerprint:
            raise UnsupportedModelError(
                f"The model {self.model!r} weights documents in another vocabulary "
                f"({len(tower.tokens)} terms) than queries ({len(self.tokens)} terms)."
            )
        return tower
