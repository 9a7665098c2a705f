"""Which words of a text could stand for it? All but English stop words and punctuation.

An approximation of NLTK's `word_tokenize`, without its model of where sentences end: a full stop
after a word is split off unless the word has another one (``u.s.``) or is a single letter.
"""

from __future__ import annotations

import re

from lsr.encoders.decoder.stop_words import ENGLISH

_SPLITS = re.compile(
    r"""
    \.{2,} | --+                        # an ellipsis, a dash
    | [][(){}<>?!;@\#$%&"`\u201c\u201d\u2018\u00ab\u00bb\u2026\u2014]
    | [,:](?!\d)                        # not in 1,000 and 10:30
    | (?:(?<=\s)|^)'+ | '(?=\s|$)       # quotation marks, not apostrophes
    """,
    re.VERBOSE,
)
_CONTRACTION = re.compile(r"(.+?)(n't|'(?:s|m|d|ll|re|ve))")
_ENDS_A_SENTENCE = re.compile(r"[^.]{2,}\.")
_HAS_A_LETTER_OR_DIGIT = re.compile(r"\w")


def content_words(text: str) -> set[str]:
    """Return the words of a text in lower case, each as it stands between spaces."""
    words: set[str] = set()
    for word in _SPLITS.sub(" ", text.lower().replace("\u2019", "'")).split():
        whole = word[:-1] if _ENDS_A_SENTENCE.fullmatch(word) else word
        contraction = _CONTRACTION.fullmatch(whole)
        words.update(contraction.groups() if contraction else (whole,))
    return {word for word in words if word not in ENGLISH and _HAS_A_LETTER_OR_DIGIT.search(word)}
