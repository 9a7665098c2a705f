"""Benchmarks, peers side by side."""
