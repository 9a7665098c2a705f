"""Text in, hits out: where an encoder and an inverted index meet."""

from lsr.retrieval.fusion import HalfScore, Halves, HybridQueries
from lsr.retrieval.hits import Explanation, Hit, TermShare
from lsr.retrieval.index import Index
from lsr.retrieval.word_shares import WordExplanation, WordShare, explain_in_words, word_shares
from lsr.retrieval.writer import Writer

__all__ = [
    "Explanation",
    "HalfScore",
    "Halves",
    "Hit",
    "HybridQueries",
    "Index",
    "TermShare",
    "WordExplanation",
    "WordShare",
    "Writer",
    "explain_in_words",
    "word_shares",
]
