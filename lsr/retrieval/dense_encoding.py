"""Which encoder can fill the dense half of an index, and ask it? One whose rows are as long."""

from __future__ import annotations

from collections.abc import Sequence

from lsr.conversations import Conversation, question_text
from lsr.encoders import DenseEncoder, Encoder
from lsr.errors import ConfigError, InvalidInputError
from lsr.retrieval.fusion import HybridQueries
from lsr.retrieval.query_vectors import QueryLike


def dense_size_of(encoder: Encoder) -> int:
    """Return how many numbers the dense row of a document has; 0 where documents have none."""
    if not isinstance(encoder, DenseEncoder) or encoder.passages:
        return 0
    return encoder.dense_size


def dense_encoder(encoder: Encoder, dense_size: int) -> DenseEncoder:
    """Return an encoder as one that suits a dense half.

    Raises:
        ConfigError: it has no dense rows of this size.
    """
    if isinstance(encoder, DenseEncoder) and encoder.dense_size == dense_size:
        return encoder
    raise ConfigError(
        f"The model {encoder.model} gives no dense rows of {dense_size} numbers, as the dense half "
        "of the index has; use the model that the index was built with."
    )


def hybrid_queries(
    queries: Sequence[QueryLike], encoder: Encoder, dense_size: int, alpha: float
) -> HybridQueries:
    """Encode queries for both halves of an index.

    Args:
        queries: texts and conversations.
        encoder: of the index's vocabulary.
        dense_size: numbers in a dense row.
        alpha: share of the dense half.

    Raises:
        InvalidInputError: a query is a vector, or `alpha` is not from 0 to 1.
        ConfigError: the encoder has no dense rows of this size.
    """
    separator = encoder.separator
    texts = [
        question_text(one, separator) for one in queries if isinstance(one, (str, Conversation))
    ]
    if len(texts) < len(queries):
        raise InvalidInputError(
            "A query that is a vector has no dense half; ask a hybrid search with a text or a "
            "Conversation."
        )
    encoded = dense_encoder(encoder, dense_size).encode_queries_densely(texts)
    assert encoded.dense is not None, "its size is above 0"
    return HybridQueries(encoded.vectors, encoded.dense, alpha)
