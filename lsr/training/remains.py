"""How does a pruned model learn to say what the whole one said? As `lsr compress apply` has it.

Any texts will do: both models read documents, and sentences of them that stand for queries. The
whole model is the teacher (`lsr.training.distillation`), zeros stay zero or become more
(`lsr.training.gradual_masks`), and texts keep the number of terms that the teacher gives them. All
else is a training like others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lsr.compression import Pattern
from lsr.compression.learning import Remains
from lsr.compression.recipe import Layers, Removed, Training
from lsr.corpus import read_documents, read_queries
from lsr.encoders.safetensors_file import SINGLE_FILE
from lsr.errors import ConfigError, UnsupportedModelError
from lsr.training.checkpoints import RECIPE_FILE, begin
from lsr.training.data import Example, TrainingData
from lsr.training.penalties import L1
from lsr.training.pseudo_queries import pseudo_queries
from lsr.training.recipe import (
    Action,
    DataPart,
    Decay,
    GuardPart,
    ModelPart,
    SchedulePart,
    SidePart,
)
from lsr.training.recipe import Recipe as TrainingRecipe
from lsr.training.run import require_trainer
from lsr.training.soup import write_mean

if TYPE_CHECKING:
    from lsr.training.gradual_masks import PrunedMatrices

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""

SUPERFLUOUS = 1e-3
"""Lambda of the terms that the teacher lacks, to begin with; it is steered."""

COUNTED_STEPS = 8
"""Batches in which the teacher's terms are counted."""


def train_remains(
    remains: Remains, work: Path, weights: Path, on_step: Callable[[str], None]
) -> None:
    """Train what is left of a model; see `lsr.compression.learning.Learns`.

    Raises:
        ConfigError: the documents hold no text to learn from.
        MissingDependencyError: what training needs is not installed.
        LsrError: the texts or the model cannot be used.
    """
    require_trainer()
    recipe = remains.recipe
    training = recipe.training
    assert training is not None
    work.mkdir(exist_ok=True)
    members = [work / f"{number}.safetensors" for number in range(training.members)]
    for number, file in enumerate(members):
        if not file.is_file():
            seeded = msgspec.structs.replace(recipe, seed=recipe.seed + number)
            _train(replace(remains, recipe=seeded), work / str(number), file, on_step)
    write_mean(members, weights)


def _train(remains: Remains, work: Path, weights: Path, on_step: Callable[[str], None]) -> None:
    """Train what is left once, and write the weights."""
    # These define torch's classes.
    import torch

    from lsr.training.batches import Batches
    from lsr.training.distillation import DistilledGradient, LearnedTerms
    from lsr.training.model_loading import load_starting_model
    from lsr.training.towers import NetworkTower
    from lsr.training.trainer import SparseTrainer, training_arguments

    recipe = remains.recipe
    training = recipe.training
    assert training is not None
    # 1. What learns, from whom, and by which texts.
    teacher, student = (
        load_starting_model(ModelPart(model, max_length=training.max_length), recipe.seed)
        for model in (recipe.model, str(remains.folder))
    )
    teacher.encoder.eval().requires_grad_(False)
    tower = student.encoder.documents
    assert isinstance(tower, NetworkTower)
    body = tower.network.body
    is_open = torch.zeros(tower.n_terms, dtype=torch.bool)
    is_open[torch.from_numpy(remains.terms)] = True
    learned = LearnedTerms(is_open, remains.has_literal)
    batches = Batches(
        _data(training, recipe.seed),
        student.query_texts,
        student.document_texts,
        n_steps=training.steps,
        batch=training.batch,
        n_negatives=0,
        seed=recipe.seed,
    )
    # 2. A training like others.
    wanted = _training_recipe(remains, _mean_terms(teacher.encoder, batches, learned))
    checkpoint = begin(work, wanted, resume=(work / RECIPE_FILE).is_file())
    trainer = SparseTrainer(
        student.encoder,
        wanted,
        training_arguments(wanted, work),
        batches,
        gradient=partial(
            DistilledGradient, teacher=teacher.encoder, learned=learned, states=training.states
        ),
        on_log=lambda line: on_step(_said(line, training.steps)),
    )
    if recipe.layers is not None:
        trainer.add_callback(_masks(recipe.layers, training, remains.matrices, body))
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    prefix = student.document_files.tensor_prefix
    _write_weights(body, remains.folder / SINGLE_FILE, prefix, weights)


def _masks(
    layers: Layers, training: Training, matrices: Mapping[str, float], body: Any
) -> PrunedMatrices:
    """Return what keeps matrices pruned, and prunes them further where that is gradual."""
    from lsr.training.decaying_masks import DecayingMasks
    from lsr.training.gradual_masks import PrunedMatrices, cubic
    from lsr.training.late_decay import LateDecay
    from lsr.training.sr_ste import SrSte

    pruned = [(body.get_parameter(name), share) for name, share in matrices.items()]
    pattern = Pattern.parse(layers.pattern)
    if not layers.is_gradual:
        return PrunedMatrices(pruned, pattern, None)
    last = int(training.prune_until * training.steps)
    progress = cubic(last, training.prune_every)
    returning = {
        Removed.SR_STE: SrSte,
        Removed.DECAYING_MASK: DecayingMasks,
        Removed.AST: LateDecay,
    }
    if training.removed is Removed.GONE:
        return PrunedMatrices(pruned, pattern, progress)
    return returning[training.removed](pruned, pattern, progress, last)


def _data(training: Training, seed: int) -> TrainingData:
    """Return what is read: documents, each with a sentence of its own or a query of the file."""
    documents = (one for batch in read_documents(training.documents) for one in batch.documents)
    asked = pseudo_queries(islice(documents, training.n_documents), seed)
    queries: Sequence[str] = ()
    if training.queries is not None:
        found = (str(one) for one in read_queries(training.queries).questions)
        queries = [one for one in found if one.strip()]
    others = cycle(queries)
    texts, examples = {}, []
    for number, one in enumerate(asked):
        name = str(number)
        texts[name] = one.document.full_text
        query = next(others) if queries and number % 2 else one.query
        examples.append(Example(name, query, (name,), (), {}))
    if not examples:
        raise ConfigError(
            f"{training.documents} holds no document of several sentences to learn from."
        )
    return TrainingData(examples, texts, {"queries": len(examples), "documents": len(texts)})


def _training_recipe(remains: Remains, terms: Sequence[float | None]) -> TrainingRecipe:
    """Return the training; of the teacher's mean terms of a query and of a document."""
    recipe = remains.recipe
    training = recipe.training
    assert training is not None
    sides = [
        SidePart()
        if wanted is None
        else SidePart(penalties=(L1(lambda_=SUPERFLUOUS),), target_terms=wanted)
        for wanted in terms
    ]
    return TrainingRecipe(
        model=ModelPart(str(remains.folder), max_length=training.max_length),
        data=DataPart(corpus=training.documents, queries=training.queries, negatives_per_query=0),
        schedule=SchedulePart(
            steps=training.steps,
            batch=training.batch,
            learning_rate=training.learning_rate,
            warmup_steps=round(WARM_UP * training.steps),
            decay=Decay.COSINE,
            weight_decay=0.0,
            seed=recipe.seed,
            checkpoint_every=training.checkpoint_every,
        ),
        losses=(),
        queries=sides[0],
        documents=sides[1],
        guard=GuardPart(action=Action.WARN),
    )


def _mean_terms(teacher: Any, batches: Any, learned: Any) -> list[float | None]:
    """Return the terms that the teacher gives a query and a document; None of a table."""
    import torch

    from lsr.training.distillation import read
    from lsr.training.objective import mean_terms

    counts: list[list[float]] = [[], []]
    for step in range(min(COUNTED_STEPS, len(batches))):
        batch = batches[step]["batch"]
        sides = ((teacher.queries, batch.queries), (teacher.documents, batch.documents))
        for own, (tower, texts) in zip(counts, sides, strict=True):
            with torch.no_grad():
                reading = read(tower, texts, learned, learned.of(texts))
            if reading.states:
                own.append(mean_terms(reading.vectors))
    return [sum(own) / len(own) if own else None for own in counts]


def _write_weights(body: Any, before: Path, prefix: str, file: Path) -> None:
    """Write the weights of a trained network under the names that a checkpoint has for them.

    Raises:
        UnsupportedModelError: it has no name for one of them.
    """
    from safetensors.torch import load_file, save_file

    trained = body.state_dict()
    tensors = {
        name: trained.get(_current(name.removeprefix(prefix)), tensor).detach()
        for name, tensor in load_file(before).items()
    }
    written = {tensor.data_ptr() for tensor in tensors.values()}
    lost = [name for name, one in body.named_parameters() if one.data_ptr() not in written]
    if lost:
        raise UnsupportedModelError(
            f"{before} has no tensor named {lost[0]!r}, so what was learned cannot be written; "
            "save the model by transformers first."
        )
    copied = {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()}
    draft = file.with_suffix(".tmp")
    save_file(copied, draft)
    draft.replace(file)


def _current(name: str) -> str:
    """Return what transformers calls a tensor; layer norms had other names once."""
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(f"LayerNorm{old}"):
            return name.removesuffix(old) + new
    return name


def _said(line: dict[str, Any], n_steps: int) -> str:
    """Return a line of the log for a person."""
    if "loss_documents_weights" not in line:
        return f"step {line['step']} of {n_steps}: {line.get('collapse', 'done')}"
    return (
        f"step {line['step']} of {n_steps}: error {line['loss_documents_weights']:.3f}, "
        f"{line['document_terms']:.0f} terms a document, {line['query_terms']:.0f} a query"
    )
