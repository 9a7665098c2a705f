"""How are kernels compiled ahead of their first use? By using them, on a few kilobytes.

A kernel is compiled for the exact types of what it is given, down to whether an array may be
written. Only the real path through encoder, index and search gives it those.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lsr.encoders import Backend, Encoder, Precision, load_encoder
from lsr.index import WeightType, verify_index
from lsr.retrieval.index import Index

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sparse", "retrieval", "##s")
SHAPE = {
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 32,
    "max_position_embeddings": 8,
    "type_vocab_size": 2,
}
DOCUMENTS = [{"id": name, "text": "sparse retrievals", "length": 2} for name in ("a", "b")]


def warm_up() -> None:
    """Compile what encoding, indexing and searching use, unless it is compiled already.

    Compiled kernels are kept on disk for every later process of this installation.
    """
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        _write_model(model)
        for precision in (Precision.FLOAT32, Precision.INT8):
            encoder = load_encoder(str(model), precision=precision, backend=Backend.NATIVE)
            encoder.encode_documents(["sparse retrieval", "sparse"])
        for weights in WeightType:
            _use_index(Path(folder) / weights, encoder, weights)


def _use_index(path: Path, encoder: Encoder, weights: WeightType) -> None:
    index = Index.create(path, encoder=encoder, weights=weights, fields={"length": "int"})
    with index.writer() as writer:
        for document in DOCUMENTS:
            writer.add_documents([document])
            writer.commit()
        writer.merge()
        writer.commit()
    index.search("sparse retrieval", where="length > 1")
    verify_index(path)


def _write_model(folder: Path) -> None:
    """Write the files of a BERT of random weights."""
    folder.mkdir()
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_act": "gelu"}
    (folder / "config.json").write_text(json.dumps(config | SHAPE))
    (folder / "vocab.txt").write_text("\n".join(PIECES))
    weights = np.random.default_rng(0)
    header, content = {}, b""
    for name, shape in _tensors().items():
        values = weights.normal(size=shape).astype("<f4").tobytes()
        places = [len(content), len(content) + len(values)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": places}
        content += values
    table = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(table).to_bytes(8, "little") + table + content)


def _tensors() -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the model."""
    size, inner, n_terms = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["vocab_size"]
    embeddings, layer = "bert.embeddings", "bert.encoder.layer.0"
    head = "cls.predictions.transform"
    tables = {
        "word_embeddings": n_terms,
        "position_embeddings": SHAPE["max_position_embeddings"],
        "token_type_embeddings": SHAPE["type_vocab_size"],
    }
    dense = {
        f"{layer}.attention.self.query": (size, size),
        f"{layer}.attention.self.key": (size, size),
        f"{layer}.attention.self.value": (size, size),
        f"{layer}.attention.output.dense": (size, size),
        f"{layer}.intermediate.dense": (inner, size),
        f"{layer}.output.dense": (size, inner),
        f"{head}.dense": (size, size),
    }
    norms = [
        f"{embeddings}.LayerNorm",
        f"{layer}.attention.output.LayerNorm",
        f"{layer}.output.LayerNorm",
        f"{head}.LayerNorm",
    ]
    return {
        **{f"{embeddings}.{name}.weight": (n_rows, size) for name, n_rows in tables.items()},
        **{f"{name}.weight": shape for name, shape in dense.items()},
        **{f"{name}.bias": shape[:1] for name, shape in dense.items()},
        **{f"{name}.{part}": (size,) for name in norms for part in ("weight", "bias")},
        "cls.predictions.bias": (n_terms,),
    }
