"""Evaluation: datasets, runs, measures and benchmarks."""
