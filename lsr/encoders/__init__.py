"""Encoders: text in, sparse vectors out."""
