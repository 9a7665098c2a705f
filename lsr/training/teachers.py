"""What do other models say of queries and documents? Their scores, of three kinds of model.

A cross-encoder reads query and document together and is the best judge, and the slowest. A dense
encoder and a sparse one read each text once. Which kind a model is, its files say. The scores are
computed once and kept in a file (`lsr mine`), from which trainings learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lsr.encoders import load_encoder
from lsr.encoders.json_file import read_json
from lsr.encoders.locating import locate_model
from lsr.encoders.torch_model import first_line, quiet_transformers, require_torch
from lsr.errors import UnsupportedModelError

BATCH = 32
POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first"}

Pairs = NDArray[np.int64]
"""Shape (n_pairs, 2): numbers of a query and a document each."""


class Teacher(Protocol):
    """Scores queries with documents."""

    def score(
        self, queries: Sequence[str], documents: Sequence[str], pairs: Pairs
    ) -> NDArray[np.float32]:
        """Return the score of each pair, shape (n_pairs,)."""


def load_teacher(model: str, max_length: int = 256) -> Teacher:
    """Load a model that scores.

    Args:
        model: a folder, a hub id or a short name: a cross-encoder, a dense encoder of
            sentence-transformers, or what `load_encoder` takes.
        max_length: tokens of a text, or of a query and a document together, that are read.

    Raises:
        LsrError: there is no such model, or it cannot be run safely.
    """
    folder = locate_model(model)
    config_file, modules_file = folder / "config.json", folder / "modules.json"
    config = read_json(config_file, dict) if config_file.is_file() else {}
    if any(one.endswith("ForSequenceClassification") for one in config.get("architectures") or ()):
        return CrossEncoder(folder, max_length)
    modules = read_json(modules_file, list) if modules_file.is_file() else []
    if any(str(one.get("type")).rpartition(".")[2] == "Pooling" for one in modules):
        return DenseEncoder(folder, max_length)
    return SparseTeacher(model, max_length)


class SparseTeacher:
    """Scores by the dot product of sparse vectors.

    Args:
        model: what `load_encoder` takes.
        max_length: tokens of a text that are read.
    """

    def __init__(self, model: str, max_length: int) -> None:
        self._encoder = load_encoder(model, max_length=max_length)

    def score(
        self, queries: Sequence[str], documents: Sequence[str], pairs: Pairs
    ) -> NDArray[np.float32]:
        """Return the score of each pair."""
        asked = self._encoder.encode_queries(queries)
        vectors = self._encoder.encode_documents(documents)
        scores = np.zeros(len(pairs), np.float32)
        weights = np.zeros(asked.n_terms, np.float32)
        for query in np.unique(pairs[:, 0]):
            terms, values = asked.row(int(query))
            weights[terms] = values
            for place in np.flatnonzero(pairs[:, 0] == query):
                found, its = vectors.row(int(pairs[place, 1]))
                scores[place] = weights[found] @ its
            weights[terms] = 0
        return scores


class CrossEncoder:
    """Scores a query and a document that are read together.

    Args:
        folder: of a transformers model for sequence classification, with one label.
        max_length: tokens of both together.

    Raises:
        UnsupportedModelError: it has more labels than one, or cannot be loaded.
    """

    def __init__(self, folder: Path, max_length: int) -> None:
        self._model, self._tokenizer = _loaded(folder, "AutoModelForSequenceClassification")
        self._max_length = max_length
        if self._model.config.num_labels != 1:
            raise UnsupportedModelError(
                f"The model in {str(folder)!r} has {self._model.config.num_labels} labels, but a "
                "cross-encoder that scores relevance has one."
            )

    def score(
        self, queries: Sequence[str], documents: Sequence[str], pairs: Pairs
    ) -> NDArray[np.float32]:
        """Return the logit of each pair."""
        import torch

        lengths = [len(queries[query]) + len(documents[document]) for query, document in pairs]
        scores = np.zeros(len(pairs), np.float32)
        for places in _batches(lengths):
            read = self._tokenizer(
                [queries[pairs[place, 0]] for place in places],
                [documents[pairs[place, 1]] for place in places],
                truncation="only_second",
                max_length=self._max_length,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                scores[places] = self._model(**read).logits[:, 0].float().numpy()
        return scores


class DenseEncoder:
    """Scores by the cosine of dense vectors.

    Args:
        folder: of a model of sentence-transformers: a transformer, and a pooling of its output.
        max_length: tokens of a text that are read.

    Raises:
        UnsupportedModelError: its pooling is another than the mean or the first token, or it cannot
            be loaded.
    """

    def __init__(self, folder: Path, max_length: int) -> None:
        self._model, self._tokenizer = _loaded(folder, "AutoModel")
        self._max_length = max_length
        file = next(iter(sorted(folder.glob("*_Pooling/config.json"))), None)
        options: dict[str, Any] = {} if file is None else read_json(file, dict)
        modes = [mode for key, mode in POOLINGS.items() if options.get(key)]
        if len(modes) != 1:
            raise UnsupportedModelError(
                f"The dense model in {str(folder)!r} pools in another way than by the mean or the "
                "first token, which this version does not know."
            )
        self._mode = modes[0]

    def score(
        self, queries: Sequence[str], documents: Sequence[str], pairs: Pairs
    ) -> NDArray[np.float32]:
        """Return the cosine of each pair."""
        asked, vectors = self._encode(queries), self._encode(documents)
        return np.einsum("ij,ij->i", asked[pairs[:, 0]], vectors[pairs[:, 1]])

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        rows: NDArray[np.float32] = np.zeros(
            (len(texts), self._model.config.hidden_size), np.float32
        )
        for places in _batches([len(text) for text in texts]):
            read = self._tokenizer(
                [texts[place] for place in places],
                truncation=True,
                max_length=self._max_length,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = self._model(**read).last_hidden_state.float()
            mask = read["attention_mask"][..., None]
            pooled = hidden[:, 0] if self._mode == "first" else (hidden * mask).sum(1) / mask.sum(1)
            rows[places] = torch.nn.functional.normalize(pooled).numpy()
        return rows


def _loaded(folder: Path, kind: str) -> tuple[Any, Any]:
    """Return a transformers model and its tokenizer."""
    require_torch()
    import transformers

    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers():
            model = getattr(transformers, kind).from_pretrained(
                str(folder), use_safetensors=True, **options
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
    except Exception as error:  # transformers raises nearly anything for a bad file
        raise UnsupportedModelError(
            f"The model in {str(folder)!r} cannot be loaded ({first_line(error)})."
        ) from error
    return model.eval(), tokenizer


def _batches(lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Yield places of texts of similar lengths."""
    order = np.argsort(lengths, kind="stable")
    yield from (order[start : start + BATCH] for start in range(0, len(order), BATCH))
