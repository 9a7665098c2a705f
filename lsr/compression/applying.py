"""How is a recipe followed? Whole parts go, then blocks, then terms; what is left is trained.

Each finished matrix, and the training's checkpoints, are kept in a folder beside the output, named
by it, until the model is written whole. An interrupted run goes on there and comes to the same
model. A recipe, model or text that changed in between is refused; a model that is there already, by
the same recipe, is left as it is.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lsr.compression.allocating import Place, allocated
from lsr.compression.applied import Applied, key_of, made_before
from lsr.compression.calibrated_network import PARTS, CalibratedNetwork, weighting_of
from lsr.compression.checkpoint import Checkpoint
from lsr.compression.decoder import compress_decoder, decoder_files
from lsr.compression.learning import Learns, Remains
from lsr.compression.patterns import Pattern
from lsr.compression.pruning import prune
from lsr.compression.rare_terms import least_missed, losses_of_terms
from lsr.compression.recentring import recentred
from lsr.compression.recipe import Layers, Recentring, Recipe
from lsr.compression.scores import Floats, InputStatistics
from lsr.compression.structure import Remover, refuse_too_much
from lsr.compression.texts import (
    calibration_texts,
    refuse_few_tokens,
    tokenized,
)
from lsr.compression.work_folder import keep, work_folder
from lsr.encoders.compressed import FILE
from lsr.encoders.json_file import read_json
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.locating import locate_model
from lsr.encoders.pairing import find_model
from lsr.encoders.safetensors_file import SINGLE_FILE
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.whole_folder import whole_folder
from lsr.errors import UnsupportedModelError


def apply_recipe(
    recipe: Recipe,
    output: Path,
    *,
    learn: Learns | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Applied:
    """Compress a model as a recipe says.

    Args:
        recipe: from `read_recipe`.
        output: folder of the compressed model, which appears whole.
        learn: trains what is left; needed by a recipe with a training.
        on_step: hears what is done next.

    Raises:
        ConfigError: texts are missing or too short, or recipe, model or texts changed since an
            interrupted run.
        UnsupportedModelError: the model is of a kind that cannot be compressed.
        InvalidInputError: something else is in the way of `output`.
    """
    recipe.refuse_contradictions()
    if (decoder := decoder_files(recipe.model)) is not None:
        return compress_decoder(recipe, decoder, output, on_step)
    files = model_files(recipe.model)
    documents, queries = (
        ([], []) if recipe.calibration is None else calibration_texts(recipe.calibration)
    )
    checkpoint = Checkpoint(files)
    key = key_of(recipe, checkpoint.digest, documents + queries)
    if (found := made_before(output, key)) is not None:
        return found
    work = work_folder(output, key)
    run = _Run(recipe, files, checkpoint, work, on_step)
    run.read(files, documents, queries)
    run.remove_parts()
    run.allocate()
    run.prune_layers()
    run.drop_terms(files)
    if recipe.training is not None:
        assert learn is not None
        run.train(learn)
    run.recentre()
    facts = {
        "key": key,
        "recipe": msgspec.to_builtins(recipe),
        "padded": run.padded,
        "structure": run.structure,
    }
    with whole_folder(output) as draft:
        blocks = run.write(draft, facts)
    shutil.rmtree(work)
    return Applied(output, False, blocks, run.n_dropped, run.structure)


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


class _Run:
    """One recipe being followed."""

    def __init__(
        self,
        recipe: Recipe,
        files: TowerFiles,
        checkpoint: Checkpoint,
        work: Path,
        on_step: Callable[[str], None],
    ) -> None:
        self.padded: list[str] = []
        self.structure: dict[str, Any] = {}
        self._recipe = recipe
        self._checkpoint = checkpoint
        self._work = work
        self._on_step = on_step
        self._network = CalibratedNetwork(files)
        self._texts: list[TokenizedText] = []
        self._documents: list[TokenizedText] = []
        self._sparsities: dict[Place, float] = {}
        self._dropped = np.empty(0, dtype=np.int64)
        self._logits_before: Floats | None = None

    @property
    def n_dropped(self) -> int:
        """Terms of the vocabulary that were dropped."""
        return self._dropped.size

    def read(self, files: TowerFiles, documents: list[str], queries: list[str]) -> None:
        """Prepare the texts, and refuse what they or the model do not allow."""
        if self._recipe.structure is not None:
            refuse_too_much(self._recipe.structure, self._checkpoint)
        if not documents:
            return
        self._documents = tokenized(files, documents)
        self._texts = self._documents + tokenized(files, queries)
        refuse_few_tokens(self._texts)
        if self._recipe.recentring is not Recentring.NONE:
            self._logits_before = self._logits()

    def remove_parts(self) -> None:
        """Remove layers, heads and neurons, and go on with the smaller model."""
        structure, work = self._recipe.structure, self._work
        if structure is None:
            return
        remover = Remover(structure, self._recipe.seed, self._texts, work, self._on_step)
        fewer, smaller = work / "fewer-layers", work / "smaller-layers"
        if structure.layers:
            if not fewer.exists():
                gone = remover.remove_layers(self._checkpoint, self._network)
                with whole_folder(fewer) as draft:
                    self._checkpoint.write(draft, {"gone": {"layers": gone}})
            self._go_on_with(fewer)
        if not smaller.exists():
            found = [
                remover.shrink_layer(self._checkpoint, self._network, layer)
                for layer in range(self._checkpoint.n_layers)
            ]
            with whole_folder(smaller) as draft:
                heads, neurons = ([one[kind] for one in found] for kind in (0, 1))
                self._checkpoint.write(draft, {"gone": {"heads": heads, "neurons": neurons}})
        self._go_on_with(smaller)
        self.structure = {"layers": []}
        for folder in (fewer, smaller):
            if folder.exists():
                self.structure |= read_json(folder / FILE, dict)["gone"]

    def allocate(self) -> None:
        """Decide how much each matrix of the layers loses."""
        layers = self._recipe.layers
        if layers is None:
            return
        file = self._work / "allocation.npz"
        if not file.is_file():
            some = (layers, self._places, self._checkpoint, self._network, self._texts)
            keep(file, sparsities=allocated(*some, on_step=self._on_step))
        with np.load(file) as kept:
            found = kept["sparsities"].tolist()
        self._sparsities = dict(zip(self._places, found, strict=True))

    def prune_layers(self) -> None:
        """Prune the matrices of all layers, or take them from an earlier run."""
        layers = self._recipe.layers
        if layers is None or layers.is_gradual:
            return
        for layer, part in self._places:
            file = self._work / f"{layer}.{part}.npz"
            if not file.is_file():
                self._on_step(f"pruning layer {layer}, {part}")
                weight, bias = self._pruned(layers, layer, part)
                keep(file, weight=weight, bias=bias)
            with np.load(file) as kept:
                weight, bias = kept["weight"], kept["bias"]
            self._network.replace(layer, part, weight, bias)
            self._checkpoint.change_matrix(layer, part, weight, bias)

    def _pruned(self, layers: Layers, layer: int, part: str) -> tuple[Floats, Floats]:
        weight, bias = self._checkpoint.matrix(layer, part)
        pattern = Pattern.parse(layers.pattern)
        if pattern.is_padded(weight.shape):
            self.padded.append(f"{layer}.{part}")
        inputs = InputStatistics(weight.shape[1])
        if layers.reads_inputs:
            inputs = self._network.inputs_of(layer, part, self._texts)
        seed = [self._recipe.seed, layer, PARTS.index(part)]
        sparsity = self._sparsities[layer, part]
        pruned = prune(
            *(weight, inputs, layers.method, pattern, sparsity, seed),
            n_matrices=len(self._checkpoint.names(layer, part)[0]),
            exchanges=layers.exchanges,
        )
        if layers.corrects_bias:
            bias = bias + ((weight - pruned) @ inputs.means).astype(np.float32)
        return pruned, bias

    def drop_terms(self, files: TowerFiles) -> None:
        """Put the bias of terms that are dropped out of reach, or leave them to texts."""
        vocabulary = self._recipe.vocabulary
        if vocabulary is not None:
            _, bias = self._checkpoint.vocabulary()
            file = self._work / "losses.npz"
            if not file.is_file():
                self._on_step(f"weighing the terms of {vocabulary.documents}")
                some = (self._recipe.model, files, vocabulary, bias.size)
                keep(file, losses=losses_of_terms(*some))
            with np.load(file) as kept:
                self._dropped = least_missed(kept["losses"], vocabulary.share)
            if vocabulary.at_random:
                chance = np.random.default_rng(self._recipe.seed)
                self._dropped = np.sort(chance.permutation(bias.size)[: self._dropped.size])
            self._change_bias(bias)

    def train(self, learn: Learns) -> None:
        """Train what is left, and go on with what comes out."""
        start, trained = self._work / "start", self._work / "trained"
        if not start.exists():
            with whole_folder(start) as draft:
                self._checkpoint.write(draft, {})
        if not trained.exists():
            matrices = {
                f"{name}.weight": sparsity
                for place, sparsity in self._sparsities.items()
                for name in self._checkpoint.names(*place)[0]
            }
            left = (matrices, self._open_terms, self._has_literal)
            remains = Remains(self._recipe, start, *left)
            with whole_folder(trained) as draft:
                shutil.copytree(start, draft, dirs_exist_ok=True)
                folder, weights = self._work / "training", draft / SINGLE_FILE
                learn(remains, folder, weights, self._on_step)
        self._go_on_with(trained)
        for place in self._places:
            self._checkpoint.change_matrix(*place, *self._checkpoint.matrix(*place))
        self._change_bias(self._checkpoint.vocabulary()[1])

    def recentre(self) -> None:
        """Set the bias of the terms that are left."""
        if self._logits_before is None:
            return
        self._on_step("setting the bias of the vocabulary")
        _, bias = self._checkpoint.vocabulary()
        after, is_left = self._logits(), np.ones(self._logits_before.shape, dtype=np.bool_)
        is_left[:, self._dropped] = False
        if self._has_literal:
            for own, text in zip(is_left, self._documents, strict=True):
                own[text.ids] = True
        shift = recentred(self._recipe.recentring, self._logits_before, after, is_left)
        self._change_bias(bias + shift)

    def write(self, folder: Path, facts: Mapping[str, Any]) -> dict[str, float]:
        """Write the model; see `Checkpoint.write`."""
        return self._checkpoint.write(folder, facts)

    def _go_on_with(self, folder: Path) -> None:
        files = model_files(str(folder))
        self._checkpoint, self._network = Checkpoint(files), CalibratedNetwork(files)

    def _change_bias(self, bias: Floats) -> None:
        if self._has_literal:
            self._checkpoint.change_bias(bias, np.empty(0, dtype=np.int64))
            self._checkpoint.leave_to_texts(self._dropped)
        else:
            self._checkpoint.change_bias(bias, self._dropped)

    @property
    def _has_literal(self) -> bool:
        vocabulary = self._recipe.vocabulary
        return vocabulary is not None and vocabulary.leaves_literal

    @property
    def _places(self) -> list[Place]:
        """The layer and part of each matrix that is pruned."""
        if self._recipe.layers is None:
            return []
        return list(itertools.product(range(self._network.n_layers), PARTS))

    @property
    def _open_terms(self) -> NDArray[np.int64]:
        n_terms = self._checkpoint.vocabulary()[1].size
        return np.setdiff1d(np.arange(n_terms, dtype=np.int64), self._dropped)

    def _logits(self) -> Floats:
        return self._network.largest_logits(*self._checkpoint.vocabulary(), self._documents)
