"""What do PROSPER's bonus for literal terms and its window bring? Three models to train.

The queries of chorus-products are split: every other one is for testing. The corpus is cut to the
products that were rated and every tenth of the others, so that two cores encode it in minutes. The
models are the first layers of one decoder, each with an lsr.json that says how it weighs terms:

    prosper       as the paper
    no-residual   a layer of zeros: its bonus is zero, and so is its gradient
    no-window     all terms are kept, in training and in the index

Run as ``python tests/support/product_arms.py DATA DECODER FOLDER``; DECODER is a folder that
transformers saved, with all weights in model.safetensors.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from cast import records_of, write

N_LAYERS = 2
RANK = 64
MAX_LENGTH = 32
BONUS_SCALE = 3.0
"""Of the layer's random weights: a bonus is then about as large as the logits that it adds to."""

EVERY = 10
"""One of so many products that were not rated is kept."""


def split_products(source: Path, folder: Path) -> None:
    """Write products, queries and judgments of both halves of the queries, in BEIR's layout."""
    lines = (source / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    header, rows = lines[0], [line.split("\t") for line in lines[1:]]
    rated = {doc_id for _, doc_id, _ in rows}
    queries = list(records_of(source / "queries.jsonl.gz"))
    tested = {query["_id"] for query in queries[1::2]}
    (folder / "qrels").mkdir(parents=True)
    for split, is_tested in (("train", False), ("test", True)):
        kept = ["\t".join(row) for row in rows if (row[0] in tested) == is_tested]
        text = "".join(f"{line}\n" for line in (header, *kept))
        (folder / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
    write(folder / "queries.jsonl", queries)
    products = enumerate(records_of(source / "corpus.jsonl.gz"))
    write(
        folder / "corpus.jsonl",
        [one for number, one in products if one["_id"] in rated or number % EVERY == 0],
    )


def write_arm(decoder: Path, folder: Path, *, has_residual: bool, has_window: bool) -> None:
    """Write the first layers of a decoder as a model that weighs terms like PROSPER."""
    folder.mkdir(parents=True)
    config = json.loads((decoder / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(decoder / "model.safetensors")
    kept = {name: one for name, one in tensors.items() if _layer_of(name) < N_LAYERS}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    cut = {**config, "num_hidden_layers": N_LAYERS}
    (folder / "config.json").write_text(json.dumps(cut), encoding="utf-8")
    for file in decoder.glob("tokenizer*"):
        shutil.copyfile(file, folder / file.name)
    random = np.random.default_rng(0)
    width, n_terms = config["hidden_size"], config["vocab_size"]
    scales = {"up": BONUS_SCALE * RANK**-0.5, "down": width**-0.5}
    shapes = {"up": (n_terms, RANK), "down": (RANK, width)}
    layers = {
        name: (has_residual * scales[name] * random.normal(size=shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    save_file(layers, folder / "literal_residual.safetensors")
    weighting = {"type": "literal residual"}
    sides: dict[str, dict[str, Any]] = {
        "documents": {"weighting": weighting, "prune": "top_k:512"},
        "queries": {"weighting": weighting, "prune": "top_k:256", "unit_length": True},
    }
    towers = {
        name: {"side": side if has_window else {**side, "prune": None}, "max_length": MAX_LENGTH}
        for name, side in sides.items()
    }
    (folder / "lsr.json").write_text(json.dumps({"version": 1, **towers}), encoding="utf-8")


def _layer_of(tensor: str) -> int:
    """Return the number of a tensor's layer, -1 for those of none."""
    numbers = [int(part) for part in tensor.split(".") if part.isdigit()]
    return numbers[0] if numbers else -1


if __name__ == "__main__":
    data, decoder, folder = map(Path, sys.argv[1:])
    split_products(data / "chorus-products", folder / "products")
    for name, has_residual, has_window in (
        ("prosper", True, True),
        ("no-residual", False, True),
        ("no-window", True, False),
    ):
        write_arm(decoder, folder / name, has_residual=has_residual, has_window=has_window)
