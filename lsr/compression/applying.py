"""How is a recipe followed? Matrix by matrix, then the vocabulary; what is done is kept.

Each finished matrix is kept in a folder beside the output, named by it, until the model is written
whole. An interrupted run goes on there and comes to the same model. A recipe, model or text that
changed in between is refused; a model that is there already, by the same recipe, is left as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from lsr.compression.calibrated_network import PARTS, CalibratedNetwork, weighting_of
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.patterns import Pattern
from lsr.compression.recentring import recentred
from lsr.compression.recipe import Layers, Method, Recentring, Recipe, Vocabulary
from lsr.compression.scores import Floats, InputStatistics, at_random, magnitude, wanda
from lsr.compression.sparse_gpt import sparse_gpt
from lsr.compression.texts import (
    calibration_texts,
    digest_of,
    document_texts,
    refuse_few_tokens,
    tokenized,
)
from lsr.encoders import Backend, load_encoder
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.locating import locate_model
from lsr.encoders.native.compressed import FILE
from lsr.encoders.pairing import find_model
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.whole_folder import whole_folder
from lsr.errors import ConfigError, InvalidInputError, UnsupportedModelError

KEY = "key"
COUNTED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a recipe.

    Attributes:
        folder: of the compressed model.
        was_there: whether it had been made before, and nothing was done.
        blocks: {name of a pruned matrix: share of it in 4x1 blocks that are not zero}.
        n_dropped_terms: terms of the vocabulary that nothing can activate.
    """

    folder: Path
    was_there: bool
    blocks: dict[str, float]
    n_dropped_terms: int


def apply_recipe(
    recipe: Recipe, output: Path, *, on_step: Callable[[str], None] = lambda _: None
) -> Applied:
    """Compress a model as a recipe says.

    Args:
        recipe: from `read_recipe`.
        output: folder of the compressed model, which appears whole.
        on_step: hears what is done next.

    Raises:
        ConfigError: texts are missing or too short, or recipe, model or texts changed since an
            interrupted run.
        UnsupportedModelError: the model is of a kind that cannot be compressed.
        InvalidInputError: something else is in the way of `output`.
    """
    recipe.refuse_contradictions()
    files = model_files(recipe.model)
    documents, queries = (
        ([], []) if recipe.calibration is None else calibration_texts(recipe.calibration)
    )
    checkpoint = Checkpoint(files)
    said = (recipe.digest, checkpoint.digest, digest_of(documents + queries))
    key = xxhash.xxh3_128_hexdigest(" ".join(said).encode())
    if (found := _made_before(output, key)) is not None:
        return found
    work = _work_folder(output, key)
    run = _Run(recipe, checkpoint, work, on_step)
    run.read(files, documents, queries)
    run.prune_layers()
    run.change_vocabulary()
    facts = {"key": key, "recipe": msgspec.to_builtins(recipe), "padded": run.padded}
    with whole_folder(output) as draft:
        blocks = checkpoint.write(draft, facts)
    shutil.rmtree(work)
    return Applied(output, False, blocks, run.n_dropped)


def model_files(model: str) -> TowerFiles:
    """Return the files of a model that can be compressed: one network at the root of its folder.

    Raises:
        ModelNotFoundError: there is no such model.
        UnsupportedModelError: it is of several parts, or the native backend does not run it.
    """
    files = find_model(model).checkpoint.documents
    if files.folder.resolve() != locate_model(model).resolve() or files.adapter is not None:
        raise UnsupportedModelError(
            f"The model {model!r} is of several parts, but only a model of one network is "
            "compressed; save its document tower by itself."
        )
    weighting_of(files)
    return files


def _made_before(output: Path, key: str) -> Applied | None:
    file = output / FILE
    if not file.is_file():
        return None
    said = json.loads(file.read_text(encoding="utf-8"))
    if said.get("key") != key:
        raise InvalidInputError(
            f"{output} holds a model by another recipe, model or text; choose another folder."
        )
    return Applied(output, True, said["blocks"], said["n_dropped_terms"])


def _work_folder(output: Path, key: str) -> Path:
    """Return the folder of what is done already, made if need be."""
    work = output.absolute().with_name(f".{output.name}.work")
    file = work / KEY
    if file.is_file() and file.read_text() != key:
        raise ConfigError(
            f"The recipe, its model or its texts changed since {output} was begun; change them "
            f"back, or remove {work} to begin again."
        )
    try:
        work.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    except OSError as error:
        raise InvalidInputError(f"{work} cannot be written: {error.strerror}.") from error
    return work


class _Run:
    """One recipe being followed."""

    def __init__(
        self, recipe: Recipe, checkpoint: Checkpoint, work: Path, on_step: Callable[[str], None]
    ) -> None:
        self.padded: list[str] = []
        self.n_dropped = 0
        self._recipe = recipe
        self._checkpoint = checkpoint
        self._work = work
        self._on_step = on_step
        self._network: CalibratedNetwork | None = None
        self._texts: list[TokenizedText] = []
        self._documents: list[TokenizedText] = []
        self._logits_before: Floats | None = None

    def read(self, files: TowerFiles, documents: list[str], queries: list[str]) -> None:
        """Prepare the network and its texts."""
        self._network = CalibratedNetwork(files)
        if not documents:
            return
        self._documents = tokenized(files, documents)
        self._texts = self._documents + tokenized(files, queries)
        refuse_few_tokens(self._texts)
        if self._recipe.recentring is not Recentring.NONE:
            self._logits_before = self._logits()

    def prune_layers(self) -> None:
        """Prune the matrices of all layers, or take them from an earlier run."""
        layers, network = self._recipe.layers, self._network
        if layers is None or network is None:
            return
        for layer in range(network.n_layers):
            for part in PARTS:
                file = self._work / f"{layer}.{part}.npz"
                if not file.is_file():
                    self._on_step(f"pruning layer {layer}, {part}")
                    weight, bias = self._pruned(layers, layer, part)
                    _keep(file, weight=weight, bias=bias)
                with np.load(file) as kept:
                    weight, bias = kept["weight"], kept["bias"]
                network.replace(layer, part, weight, bias)
                self._checkpoint.change_matrix(layer, part, weight, bias)

    def _pruned(self, layers: Layers, layer: int, part: str) -> tuple[Floats, Floats]:
        assert self._network is not None
        weight, bias = self._checkpoint.matrix(layer, part)
        pattern = Pattern.parse(layers.pattern)
        if pattern.is_padded(weight.shape):
            self.padded.append(f"{layer}.{part}")
        inputs = InputStatistics(weight.shape[1])
        if layers.reads_inputs:
            inputs = self._network.inputs_of(layer, part, self._texts)
        seed = [self._recipe.seed, layer, PARTS.index(part)]
        pruned = prune(
            weight, inputs, layers.method, pattern, pattern.sparsity(layers.sparsity), seed
        )
        if layers.corrects_bias:
            bias = bias + ((weight - pruned) @ inputs.means).astype(np.float32)
        return pruned, bias

    def change_vocabulary(self) -> None:
        """Drop terms, and set the bias of the others."""
        _, bias = self._checkpoint.vocabulary()
        vocabulary = self._recipe.vocabulary
        dropped = np.empty(0, dtype=np.int64)
        if vocabulary is not None:
            dropped = dropped_terms(self._counts(vocabulary, bias.size), vocabulary.share)
        self.n_dropped = dropped.size
        is_open = np.ones(bias.size, dtype=np.bool_)
        is_open[dropped] = False
        if self._logits_before is not None:
            self._on_step("setting the bias of the vocabulary")
            bias = bias + recentred(
                self._recipe.recentring, self._logits_before, self._logits(), is_open
            )
        if vocabulary is not None or self._logits_before is not None:
            self._checkpoint.change_bias(bias, dropped)

    def _logits(self) -> Floats:
        assert self._network is not None
        return self._network.largest_logits(*self._checkpoint.vocabulary(), self._documents)

    def _counts(self, vocabulary: Vocabulary, n_terms: int) -> NDArray[np.int64]:
        """Return how many documents have each term, by the model as it was."""
        file = self._work / "counts.npz"
        if not file.is_file():
            self._on_step(f"counting the terms of {vocabulary.documents}")
            encoder = load_encoder(self._recipe.model, backend=Backend.NATIVE)
            counts, some = np.zeros(n_terms, dtype=np.int64), []
            for text in document_texts(vocabulary.documents, vocabulary.n_documents):
                some.append(text)
                if len(some) == COUNTED_AT_ONCE:
                    counts += np.bincount(encoder.encode_documents(some).terms, minlength=n_terms)
                    some = []
            if some:
                counts += np.bincount(encoder.encode_documents(some).terms, minlength=n_terms)
            _keep(file, counts=counts)
        with np.load(file) as kept:
            counted: NDArray[np.int64] = kept["counts"]
        if not counted.any():
            raise ConfigError(f"{vocabulary.documents} holds no text whose terms can be counted.")
        return counted


def prune(
    weight: Floats,
    inputs: InputStatistics,
    method: Method,
    pattern: Pattern,
    sparsity: float,
    seed: list[int],
) -> Floats:
    """Return a matrix without the weights that count least.

    Args:
        weight: shape (n_rows, n_columns).
        inputs: what goes into it.
        method: how they are chosen.
        pattern: which go together.
        sparsity: share of them.
        seed: of a random choice.
    """
    if method is Method.SPARSE_GPT:
        return sparse_gpt(weight, inputs.products, pattern, sparsity)
    if method is Method.WANDA:
        scores = wanda(weight, inputs)
    elif method is Method.MAGNITUDE:
        scores = magnitude(weight)
    else:
        scores = at_random(weight, np.random.default_rng(seed))
    return np.where(pattern.kept(scores, sparsity), weight, np.float32(0))


def dropped_terms(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Return the terms that the fewest documents have, rising; those that none has for share 0."""
    n_dropped = round(share * counts.size) if share else int((counts == 0).sum())
    return np.sort(np.argsort(counts, kind="stable")[:n_dropped])


def _keep(file: Path, **arrays: Any) -> None:
    """Write arrays to a file that is there whole or not at all."""
    draft = file.with_suffix(".tmp.npz")
    np.savez(draft, **arrays)
    draft.replace(file)
