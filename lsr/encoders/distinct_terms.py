"""Which terms occur in a text? In all of it, however long, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.tokenization import CHUNK_TEXTS, check_texts, refuse_string

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK_CHARACTERS = 1 << 20
"""Of texts that are tokenized at once; some hundred bytes are needed for each of their tokens."""


def distinct_terms(backend: Tokenizer, texts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """Yield the distinct term ids of each text, rising; none for a blank one.

    A text of more than `CHUNK_CHARACTERS` is read in pieces that end before a space. Where it has
    none, a piece ends anywhere, and the tokens there may be others than those of the whole text.

    Args:
        backend: neither truncates nor pads; special tokens are not added.
        texts: any number of texts.

    Raises:
        InvalidInputError: an element is not a string, or no valid Unicode.
    """
    refuse_string(texts)
    check_texts(texts)
    for _, pieces in groupby(_tokenized(backend, _chunks(_pieces(texts))), lambda one: one[0]):
        yield np.unique(np.concatenate([np.array(ids, np.int64) for _, ids in pieces]))


def _pieces(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield each text with its row, a long one in several pieces."""
    for row, text in enumerate(texts):
        start = 0
        while len(text) - start > CHUNK_CHARACTERS:
            space = text.rfind(" ", start + 1, start + CHUNK_CHARACTERS)
            stop = space if space > 0 else start + CHUNK_CHARACTERS
            yield row, text[start:stop]
            start = stop
        yield row, text[start:]


def _chunks(pieces: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    chunk: list[tuple[int, str]] = []
    size = 0
    for row, text in pieces:
        if len(chunk) == CHUNK_TEXTS or (chunk and size + len(text) > CHUNK_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append((row, text))
        size += len(text)
    if chunk:
        yield chunk


def _tokenized(
    backend: Tokenizer, chunks: Iterable[list[tuple[int, str]]]
) -> Iterator[tuple[int, list[int]]]:
    for chunk in chunks:
        # Some tokenizers make a token of white space, but a blank text has nothing to be found by.
        texts = [text for _, text in chunk if text.strip()]
        encodings = iter(backend.encode_batch_fast(texts, add_special_tokens=False))
        for row, text in chunk:
            yield row, next(encodings).ids if text.strip() else []
