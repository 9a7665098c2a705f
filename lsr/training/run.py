"""How does a recipe become a model? Read the data, train, save: what `lsr train` does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsr.errors import ConfigError, MissingDependencyError
from lsr.training.checkpoints import begin
from lsr.training.losses import DenseContrastive
from lsr.training.recipe import Recipe

logger = logging.getLogger(__name__)

LOG_FILE = "log.jsonl"


def train(
    recipe: Recipe,
    output: str | Path,
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Path:
    """Train a model by a recipe, and save it where `load_encoder` opens it.

    Args:
        recipe: from `lsr.training.recipe_file.read_recipe`.
        output: folder of the model, its checkpoints and its log.
        resume: whether to go on with the training that `output` holds.
        on_log: hears of every line of the log.

    Returns:
        The folder.

    Raises:
        CollapseError: the model stopped learning to retrieve.
        MissingDependencyError: what training needs is not installed.
        LsrError: recipe, data, model or folder cannot be used.
    """
    require_trainer()
    # These define torch's classes.
    from safetensors.torch import load_model

    from lsr.training.batches import Batches
    from lsr.training.calibration import calibrate, can_calibrate
    from lsr.training.data import load_training_data
    from lsr.training.held_out import HeldOut
    from lsr.training.model_loading import load_starting_model
    from lsr.training.model_saving import save_trained
    from lsr.training.trainer import SparseTrainer, training_arguments

    output = Path(output)
    schedule, part = recipe.schedule, recipe.model
    arguments = training_arguments(recipe, output)
    is_first = arguments.process_index == 0
    with arguments.main_process_first():
        # The others find the folder that the first has made.
        checkpoint = begin(output, recipe, resume=resume or not is_first)
    start = load_starting_model(part, schedule.seed)
    if not start.encoder.has_dense_half and any(
        isinstance(loss, DenseContrastive) for loss in recipe.losses
    ):
        raise ConfigError(
            "The loss dense_contrastive is of dense halves, which texts do not have by the method "
            "of this model; name the method promptreps, or leave the loss out."
        )
    data = load_training_data(recipe.data, start.query_texts.separator)
    if is_first:
        on_log({"data": dict(data.counts)})
    batches = Batches(
        data,
        start.query_texts,
        start.document_texts,
        n_steps=schedule.steps,
        batch=schedule.batch,
        n_negatives=recipe.data.negatives_per_query,
        seed=schedule.seed,
        needs_recall=any(loss.needs_recall for loss in recipe.losses),
        process=arguments.process_index,
        n_processes=arguments.world_size,
    )
    held_out = None
    if recipe.held_out is not None:
        texts = (start.query_texts, start.document_texts)
        held_out = HeldOut(recipe.held_out, recipe.data.dataset, *texts)
    if schedule.gradient_checkpointing:
        start.encoder.checkpoint_gradients()
    if part.start_terms is not None and checkpoint is None:
        if not can_calibrate(start.encoder.documents):
            raise ConfigError(
                "model.start_terms is set, but the tower of documents has no bias over the "
                "vocabulary that could be shifted; leave it out."
            )
        calibrate(start.encoder.documents, batches[0]["batch"].documents, part.start_terms)
    log = _Log(output / LOG_FILE, on_log)
    if is_first:
        log.forget_after(_step_of(checkpoint))
    trainer = SparseTrainer(
        start.encoder, recipe, arguments, batches, held_out=held_out, on_log=log.write
    )
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if is_first:
        if trainer.best_weights is not None:
            load_model(start.encoder, trainer.best_weights)
        save_trained(start, output, recipe, trainer.figures)
    return output


class _Log:
    """The log of a training: a line of JSON every so many steps."""

    def __init__(self, path: Path, on_log: Callable[[dict[str, Any]], None]) -> None:
        self._path = path
        self._on_log = on_log

    def forget_after(self, step: int) -> None:
        """Leave out the lines of later steps, and half a line from when a training was killed."""
        is_there = self._path.is_file()
        lines = self._path.read_text(encoding="utf-8").splitlines() if is_there else []
        kept = [line for line in lines if _is_of_steps_until(line, step)]
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._on_log(line)


def _is_of_steps_until(line: str, step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError):
        return False  # half a line


def _step_of(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])


def require_trainer() -> None:
    """Refuse to train where what it needs is not installed.

    Raises:
        MissingDependencyError: as above.
    """
    try:
        import accelerate  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise MissingDependencyError("Training", "train") from None
