"""Which terms are the words of a text? Each word tokenized alone, as if nothing stood before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.decoder.content_words import content_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_CHARACTERS = 100_000
"""Words are looked for in this many leading characters of a text."""


def word_terms(backend: Tokenizer, text: str) -> NDArray[np.int64]:
    """Return the ids of all tokens of the content words of a text, rising, each once."""
    words = sorted(content_words(text[:MAX_CHARACTERS]))
    encodings = backend.encode_batch_fast(words, add_special_tokens=False)
    ids = {term for encoding in encodings for term in encoding.ids}
    return np.array(sorted(ids), np.int64)
