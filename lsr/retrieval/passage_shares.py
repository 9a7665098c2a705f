"""Which passage of a long document makes its score? Where each term has its weight from.

An encoder that reads documents passage by passage (`lsr.encoders.Passages`) keeps one weight a
term: the largest of those in the passages, which is then owed to one of them, or their sum, which
is owed to each in proportion. The passages are encoded again to tell: the index holds the outcome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lsr.encoders import Aggregation, Encoder
from lsr.retrieval.hits import Explanation


@dataclass(frozen=True, slots=True)
class PassageShare:
    """What a passage adds to a score.

    Attributes:
        start: of the passage, in characters of the document's title and text.
        end: of the passage.
        product: what it adds.
        share: its part of the score.
        terms: names of the terms that are owed to it, the most important first.
    """

    start: int
    end: int
    product: float
    share: float
    terms: tuple[str, ...]


def passage_shares(
    explanation: Explanation, encoder: Encoder, text: str
) -> list[PassageShare] | None:
    """Share out a score among the passages of a document, in their order.

    Args:
        explanation: of the score.
        encoder: of the document.
        text: the document's title and text.

    Returns:
        The passages; None if the encoder reads a document as one.
    """
    passages = encoder.passages
    if passages is None:
        return None
    ranges = encoder.split(text)
    vectors = encoder.encode_documents([text[start:end] for start, end in ranges])
    weights = encoder.decode(vectors)
    products: list[dict[str, float]] = [{} for _ in ranges]
    for one in explanation.terms:
        found = [passage.get(one.term, 0.0) for passage in weights]
        for number, part in enumerate(_parts(found, passages.aggregation)):
            if part and one.product:
                products[number][one.term] = one.product * part
    return [
        PassageShare(
            start,
            end,
            product := math.fsum(terms.values()),
            product / (explanation.score or 1.0),
            tuple(sorted(terms, key=lambda term: -terms[term])),
        )
        for (start, end), terms in zip(ranges, products, strict=True)
    ]


def _parts(weights: Sequence[float], aggregation: Aggregation) -> list[float]:
    """Return the part of a term's weight that each passage has given."""
    if aggregation is Aggregation.MAX:
        owner = max(range(len(weights)), key=weights.__getitem__)
        return [float(number == owner) for number in range(len(weights))]
    total = math.fsum(weights)
    return [weight / total if total else 0.0 for weight in weights]
