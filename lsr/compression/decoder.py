"""How is a decoder compressed? Its last layers go, then weights of the others, one layer at a time.

Decoders of Llama's kind have matrices without a bias and run on torch. So what is left is computed
by transformers, layer after layer, each with what comes out of the pruned ones before it, and saved
as an ordinary checkpoint in float32.

Papers: T. Nguyen et al., "Large Language Models Are Overparameterized Text Encoders" (L3Prune),
2024, for the last layers; the methods of weights are those of `lsr.compression.pruning`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lsr.compression.applied import Applied, key_of, made_before
from lsr.compression.checkpoint import NOT_COPIED
from lsr.compression.patterns import Pattern
from lsr.compression.pruning import prune
from lsr.compression.recipe import Allocation, Layers, Recentring, Recipe
from lsr.compression.scores import Floats, InputStatistics
from lsr.compression.texts import MAX_LENGTH, calibration_texts, refuse_few_tokens
from lsr.compression.work_folder import keep, work_folder
from lsr.encoders.compressed import FILE, VERSION_WITHOUT_LITERAL
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.method import CausalWeighting
from lsr.encoders.pairing import find_model
from lsr.encoders.safetensors_file import ModelWeights
from lsr.encoders.tokenization import TextTokenizer
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import ModelHead, load_model, quiet_transformers, require_torch
from lsr.encoders.whole_folder import whole_folder
from lsr.errors import ConfigError, UnsupportedModelError
from lsr.kernels.transformer import block_share

KINDS = ("llama", "mistral")

Call = tuple[Any, dict[str, Any]]
"""What a layer reads of one text: its states, and what else transformers gives every layer."""


def decoder_files(model: str) -> TowerFiles | None:
    """Return the files of a causal language model; None of any other.

    Raises:
        ModelNotFoundError: there is no such model.
    """
    files = find_model(model, needs_method=False).checkpoint.documents
    return files if isinstance(files.side.weighting, CausalWeighting) else None


def compress_decoder(
    recipe: Recipe, files: TowerFiles, output: Path, on_step: Callable[[str], None]
) -> Applied:
    """Compress a decoder as a recipe says; see `lsr.compression.applying.apply_recipe`.

    Raises:
        ConfigError: the recipe asks for what is not done to decoders, or texts are missing.
        UnsupportedModelError: the model is not of Llama's kind.
    """
    _refuse_what_is_for_encoders(recipe)
    kind = files.model_type
    if kind not in KINDS or files.adapter is not None:
        what = "it has an adapter" if files.adapter else f"its type is {kind!r}"
        raise UnsupportedModelError(
            f"The decoder in {str(files.folder)!r} cannot be compressed: {what}, but only whole "
            f"models of the types {' and '.join(KINDS)} are."
        )
    texts: list[str] = []
    if recipe.calibration is not None:
        texts = [one for some in calibration_texts(recipe.calibration) for one in some]
    key = key_of(recipe, ModelWeights(files.folder).digest(), texts)
    if (found := made_before(output, key)) is not None:
        return found
    work = work_folder(output, key)
    require_torch()
    import torch

    with quiet_transformers():
        model = load_model(files.folder, files.config, ModelHead.CAUSAL, torch.float32)
    gone = _without_last_layers(model, recipe.structure.layers if recipe.structure else 0)
    blocks: dict[str, float] = {}
    if recipe.layers is not None:
        with torch.no_grad():
            blocks = _prune_layers(recipe, recipe.layers, model, files, texts, work, on_step)
    facts = {
        "version": VERSION_WITHOUT_LITERAL,
        "blocks": blocks,
        "n_dropped_terms": 0,
        "literal_terms": [],
        "structure": {"layers": gone, "heads": [], "neurons": []},
        "key": key,
        "recipe": msgspec.to_builtins(recipe),
    }
    with whole_folder(output) as draft:
        shutil.copytree(files.folder, draft, ignore=NOT_COPIED, dirs_exist_ok=True)
        with quiet_transformers():
            model.save_pretrained(draft)
        (draft / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(facts)) + b"\n")
    shutil.rmtree(work)
    return Applied(output, False, blocks, 0, facts["structure"])


def _refuse_what_is_for_encoders(recipe: Recipe) -> None:
    structure, layers = recipe.structure, recipe.layers
    asked = {
        "[vocabulary]": recipe.vocabulary is not None,
        "[training]": recipe.training is not None,
        "recentring": recipe.recentring is not Recentring.NONE,
        "structure.heads": structure is not None and structure.heads > 0,
        "structure.neurons": structure is not None and structure.neurons > 0,
        "structure.at_random": structure is not None and structure.at_random,
        "layers.exchanges": layers is not None and layers.exchanges,
        "an allocation": layers is not None and layers.allocation is not Allocation.UNIFORM,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise ConfigError(
                f"The recipe has {name}, which is for encoders; of a decoder only the last layers "
                "(structure.layers) and weights ([layers]) are removed."
            )


def _without_last_layers(model: Any, n_gone: int) -> list[int]:
    """Take the last layers out of a model, and return their numbers."""
    layers, config = model.model.layers, model.config
    n_left = len(layers) - n_gone
    if n_left < 1:
        raise ConfigError(
            f"The recipe removes {n_gone} layers of a model of {len(layers)}; leave at least one."
        )
    model.model.layers = layers[:n_left]
    config.num_hidden_layers = n_left
    return list(range(n_left, n_left + n_gone))


def _prune_layers(
    recipe: Recipe,
    layers: Layers,
    model: Any,
    files: TowerFiles,
    texts: Sequence[str],
    work: Path,
    on_step: Callable[[str], None],
) -> dict[str, float]:
    """Prune all matrices of all layers; return the share of each in blocks."""
    import torch

    pattern = Pattern.parse(layers.pattern)
    sparsity = pattern.sparsity(layers.sparsity)
    calls = _first_calls(model, files, texts) if layers.reads_inputs else []
    blocks = {}
    for number, layer in enumerate(model.model.layers):
        matrices = {
            name: part for name, part in layer.named_modules() if isinstance(part, torch.nn.Linear)
        }
        file = work / f"{number}.npz"
        if not file.is_file():
            on_step(f"pruning layer {number} of {len(model.model.layers)}")
            inputs = _inputs_of(layer, matrices, calls)
            weights = {name: part.weight.detach().numpy() for name, part in matrices.items()}
            pruned = {
                name: prune(
                    weight,
                    inputs[name],
                    layers.method,
                    pattern,
                    sparsity,
                    [recipe.seed, number, place],
                )
                for place, (name, weight) in enumerate(weights.items())
            }
            keep(file, **pruned)
        with np.load(file) as kept:
            for name, part in matrices.items():
                part.weight.copy_(torch.from_numpy(kept[name]))
                blocks[f"model.layers.{number}.{name}"] = round(block_share(kept[name]), 6)
        calls = [(_state(layer(states, **rest)), rest) for states, rest in calls]
    return blocks


class _Enough(Exception):
    """Ends a pass through the model where its layers begin."""


def _first_calls(model: Any, files: TowerFiles, texts: Sequence[str]) -> list[Call]:
    """Return what the first layer reads of each text."""
    import torch

    tokenizer = read_tokenizer(files.tokenizer, files.model_type)
    if tokenizer is None:
        raise UnsupportedModelError(
            f"The tokenizer in {str(files.tokenizer)!r} is of a kind that only transformers reads, "
            "so the model cannot be compressed."
        )
    read = TextTokenizer(tokenizer, MAX_LENGTH, prefix=files.side.prefix).tokenize(texts)
    refuse_few_tokens(read)
    calls: list[Call] = []

    def take(_: Any, states: tuple[Any, ...], rest: dict[str, Any]) -> None:
        calls.append((states[0], rest))
        raise _Enough

    hook = model.model.layers[0].register_forward_pre_hook(take, with_kwargs=True)
    for text in read:
        with suppress(_Enough):
            model(input_ids=torch.from_numpy(text.ids[None].astype(np.int64)), use_cache=False)
    hook.remove()
    return calls


def _inputs_of(
    layer: Any, matrices: Mapping[str, Any], calls: Sequence[Call]
) -> dict[str, InputStatistics]:
    """Return what goes into each matrix of a layer, by name."""
    found = {name: InputStatistics(part.in_features) for name, part in matrices.items()}

    def look(inputs: InputStatistics, _: Any, read: tuple[Any, ...]) -> None:
        x: Floats = read[0].reshape(-1, inputs.n_features).numpy().T
        inputs.add(x)

    hooks = [
        part.register_forward_pre_hook(partial(look, found[name]))
        for name, part in matrices.items()
    ]
    for states, rest in calls:
        layer(states, **rest)
    for hook in hooks:
        hook.remove()
    return found


def _state(output: Any) -> Any:
    """Return the states among what a layer returns."""
    return output[0] if isinstance(output, tuple) else output
