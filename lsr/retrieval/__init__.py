"""Text in, hits out: where an encoder and an inverted index meet."""

from lsr.retrieval.hits import Explanation, Hit, TermShare
from lsr.retrieval.index import Index
from lsr.retrieval.writer import Writer

__all__ = ["Explanation", "Hit", "Index", "TermShare", "Writer"]
