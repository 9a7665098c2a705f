"""Readers of corpora and queries."""
