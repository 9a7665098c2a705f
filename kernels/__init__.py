"""Numba kernels: pure functions over flat arrays, each with a NumPy reference beside it.

Import them from their modules. Nothing is imported here, as not all modules need Numba: those
about the layout, what a search must return and how it may be done are NumPy alone.
"""
