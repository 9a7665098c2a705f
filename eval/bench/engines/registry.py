"""Which engines are there? Ours, and peers by the name that a user gives them."""

from __future__ import annotations

from lsr.eval.bench.engines.anserini import Anserini
from lsr.eval.bench.engines.base import Engine
from lsr.eval.bench.engines.bmp import Bmp
from lsr.eval.bench.engines.ours import Lsr
from lsr.eval.bench.engines.pisa import Pisa
from lsr.eval.bench.engines.seismic import Seismic
from lsr.eval.bench.engines.splade_index import SpladeIndex

OURS = "lsr"

ENGINES: dict[str, type[Engine]] = {
    OURS: Lsr,
    "pisa": Pisa,
    "bmp": Bmp,
    "seismic": Seismic,
    "splade-index": SpladeIndex,
    "anserini": Anserini,
}

ALIASES = {"pyserini": "anserini"}
"""Pyserini searches by Anserini, in a Java machine of its process, as we call it."""
