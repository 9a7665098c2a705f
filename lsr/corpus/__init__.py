"""Readers of corpora and queries."""

from lsr.corpus.batches import part_of
from lsr.corpus.beir import find_beir_file
from lsr.corpus.conversation_file import read_conversation
from lsr.corpus.documents import (
    corpus_size,
    corpus_state,
    embedded_encoder_settings,
    read_documents,
)
from lsr.corpus.queries import read_histories, read_queries

__all__ = [
    "corpus_size",
    "corpus_state",
    "embedded_encoder_settings",
    "find_beir_file",
    "part_of",
    "read_conversation",
    "read_documents",
    "read_histories",
    "read_queries",
]
