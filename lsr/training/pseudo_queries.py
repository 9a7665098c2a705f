"""What could be asked of documents that nobody has asked about? What one of their parts says.

The title of a document, or one of its sentences, is taken out and stands for a question; what is
left is the document that answers it (the inverse cloze task). A title sums its document up, and a
sentence says what others may cite it for. Since it is taken out, finding the document takes more
than finding the same words.

Paper: K. Lee, M. Chang, K. Toutanova, "Latent Retrieval for Weakly Supervised Open Domain Question
Answering", ACL 2019, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lsr.documents import Document
from lsr.errors import InvalidInputError
from lsr.eval.output_file import made_folder, replacing

FEWEST_WORDS, MOST_WORDS = 4, 40
"""Of a title or a sentence that may stand for a question."""

SPLIT = "train"

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class PseudoQuery:
    """A question that a document's own words ask.

    Attributes:
        query: the title, or a sentence.
        document: the document without it.
    """

    query: str
    document: Document


def pseudo_queries(documents: Iterable[Document], seed: int = 0) -> Iterator[PseudoQuery]:
    """Yield the pseudo-query of each document: its title as often as one of its sentences.

    Documents that would be empty without it, or that have no title and no sentence of a question's
    length, are left out.

    Args:
        documents: of a corpus.
        seed: of the draws; that of a document depends on its place in the corpus alone.
    """
    for number, document in enumerate(documents):
        draw = np.random.default_rng([seed, number])
        sentences = _SENTENCE_END.split(document.text.strip())
        places = [place for place, one in enumerate(sentences) if _can_ask(one)]
        if len(sentences) == 1:
            places = []
        if _can_ask(document.title) and sentences != [""] and (not places or draw.random() < 0.5):
            yield PseudoQuery(document.title, replace(document, title=""))
        elif places:
            query = sentences.pop(places[draw.integers(len(places))])
            yield PseudoQuery(query, replace(document, text=" ".join(sentences)))


def write_dataset(asked: Iterable[PseudoQuery], folder: Path) -> int:
    """Write pseudo-queries as a folder in BEIR's layout, and return how many there are.

    A query has its document's id.

    Args:
        asked: from `pseudo_queries`.
        folder: is made unless it is there.

    Raises:
        InvalidInputError: there is none, or the folder cannot be written.
        DiskFullError: no space is left.
    """
    qrels = made_folder(folder / "qrels", "dataset")
    count = 0
    with (
        replacing(folder / "corpus.jsonl", "corpus") as corpus,
        replacing(folder / "queries.jsonl", "queries") as queries,
        replacing(qrels / f"{SPLIT}.tsv", "judgments") as judgments,
    ):
        judgments.write(b"query-id\tcorpus-id\tscore\n")
        for one in asked:
            count += 1
            document = one.document
            row = {"_id": document.doc_id, "title": document.title, "text": document.text}
            corpus.write(_line(row))
            queries.write(_line({"_id": document.doc_id, "text": one.query}))
            judgments.write(f"{document.doc_id}\t{document.doc_id}\t1\n".encode())
        if not count:
            raise InvalidInputError(
                "No document has a title, or a sentence beside others, that could stand for a "
                "question; pseudo-queries need a corpus of texts."
            )
    return count


def _can_ask(text: str) -> bool:
    return FEWEST_WORDS <= len(text.split()) <= MOST_WORDS


def _line(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row) + b"\n"
