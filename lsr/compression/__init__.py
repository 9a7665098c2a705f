"""Make an encoder smaller and faster: remove weights and terms, and give back what that costs."""

from lsr.compression.patterns import Pattern
from lsr.compression.recipe import (
    Allocation,
    Method,
    Recentring,
    Recipe,
    Structure,
    read_recipe,
)

__all__ = [
    "Allocation",
    "Method",
    "Pattern",
    "Recentring",
    "Recipe",
    "Structure",
    "read_recipe",
]
