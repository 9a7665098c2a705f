"""How much work is left? Multiply-adds of a token, in parts of those of the whole model.

Terms that are left to the texts which hold them count as removed: those are a few more rows. What
is computed of a layer that is pruned otherwise than in blocks counts as whole blocks: work is
what there is to do, not how many weights are zero.
"""

from __future__ import annotations

from lsr.compression.calibrated_network import PARTS
from lsr.compression.checkpoint import Checkpoint
from lsr.encoders.compressed import read_compression
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.native.architecture import architecture_of


def work_left(files: TowerFiles) -> float:
    """Return the share of the multiply-adds that is left, layers and vocabulary together.

    Args:
        files: of a model that the native backend runs, compressed or not.
    """
    shape, checkpoint = architecture_of(files.config), Checkpoint(files)
    removed = read_compression(files.folder)
    n_dropped = removed.n_dropped_terms + len(removed.literal_terms)
    saved = float(n_dropped * shape.hidden_size)
    for layer in range(shape.n_layers):
        for part in PARTS:
            names, n_columns = checkpoint.names(layer, part)
            n_rows = shape.intermediate_size if part == "up" else shape.hidden_size
            saved += n_rows * n_columns * sum(1 - removed.blocks.get(name, 1.0) for name in names)
    return (shape.n_multiplied - saved) / (removed.n_multiplied or shape.n_multiplied)
