"""Readers of corpora and queries."""

from lsr.corpus.documents import corpus_size, embedded_encoder_settings, read_documents
from lsr.corpus.queries import read_queries

__all__ = ["corpus_size", "embedded_encoder_settings", "read_documents", "read_queries"]
