"""Models of sentence-transformers: made, saved and run by that library, to compare ours with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lsr.encoders import Backend, Encoder, Precision, load_encoder

TEXTS = [
    "The sparse index",
    "the water of the ocean, water and a river",
    "learned retrieval of documents with term weights; gene cell protein study 42",
    "q",
]
TOLERANCE = 1e-5
"""float32 sums in another order differ by about 1e-6."""


def splade_modules(folder: Path, pooling: str = "max", activation: str = "relu") -> tuple[Any, Any]:
    """Return the library's two modules over a masked-language model."""
    modules = pytest.importorskip("sentence_transformers.sparse_encoder.modules")
    transformer = modules.Transformer(str(folder), transformer_task="fill-mask")
    return transformer, modules.SpladePooling(pooling, activation_function=activation)


def static_module(folder: Path, weights: npt.NDArray[np.float32]) -> Any:
    """Return the library's table of weights, with the tokenizer in a folder."""
    modules = pytest.importorskip("sentence_transformers.sparse_encoder.modules")
    import torch
    from transformers import AutoTokenizer

    return modules.SparseStaticEmbedding(
        AutoTokenizer.from_pretrained(str(folder)), torch.from_numpy(weights), frozen=True
    )


def routed(query: Sequence[Any], document: Sequence[Any]) -> list[Any]:
    """Return modules that route queries and documents differently."""
    modules = pytest.importorskip("sentence_transformers.sparse_encoder.modules")
    return [modules.Router.for_query_document(list(query), list(document))]


def save_peer(folder: Path, modules: Sequence[Any], **options: Any) -> Path:
    """Save a model as the library saves it, and return the folder."""
    library = pytest.importorskip("sentence_transformers")
    model = library.SparseEncoder(modules=list(modules), device="cpu", **options)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def peer_vectors(
    folder: Path, documents: Sequence[str], queries: Sequence[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what the library makes of texts with the model in a folder."""
    library = pytest.importorskip("sentence_transformers")
    peer = library.SparseEncoder(str(folder), device="cpu", local_files_only=True)
    options = {"convert_to_sparse_tensor": False, "show_progress_bar": False}
    encoded = peer.encode_document(list(documents), **options)
    asked = peer.encode_query(list(queries), **options)
    return np.asarray(encoded), np.asarray(asked)


def assert_agrees_with_peer(
    folder: Path,
    documents: Sequence[str] = TEXTS,
    queries: Sequence[str] = TEXTS,
    *,
    peer_folder: Path | None = None,
) -> Encoder:
    """Check that we make the same vectors as the library, and return our encoder."""
    encoder = load_encoder(str(folder), precision=Precision.FLOAT32, backend=Backend.AUTO)
    expected = peer_vectors(peer_folder or folder, documents, queries)
    ours = (encoder.encode_documents(documents), encoder.encode_queries(queries))
    for found, right in zip(ours, expected, strict=True):
        np.testing.assert_allclose(found.to_scipy().toarray(), right, rtol=0, atol=TOLERANCE)
        assert (right > 0).any()
    return encoder


def splade_formula(
    folder: Path, texts: Sequence[str], *, saturation: int = 1, tokenizer: Path | None = None
) -> npt.NDArray[np.float32]:
    """Return log(1 + max(0, largest logit)) as written, one text at a time over all logits."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(tokenizer or folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        inputs = tokens(text, return_tensors="pt", truncation=True, max_length=64)
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        with torch.inference_mode():
            weights = model(input_ids=ids, attention_mask=mask).logits[0].amax(0).relu()
        for _ in range(saturation):
            weights = torch.log1p(weights)
        rows.append(weights.numpy())
    return np.stack(rows)
