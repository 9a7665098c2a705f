"""How are steps made, logged and kept? By transformers' Trainer, with our step in its loop.

Optimizer, learning rate, clipping, mixed precision, checkpoints and processes are the Trainer's.
Ours are: the gradient of a step (`lsr.training.batch_gradient`), the data's order, what is
measured, the guard, and weights in safetensors alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainingArguments

from lsr.errors import CollapseError, ConfigError, TrainingError
from lsr.training.batch_gradient import BatchGradient, MakesGradient, StepResult
from lsr.training.batches import Batches, TrainingBatch
from lsr.training.calibration import calibrate, can_calibrate
from lsr.training.checkpoints import FOLDER, MEMORY_FILE, WEIGHTS_FILE
from lsr.training.collapse_guard import Collapse, CollapseGuard, Symptom
from lsr.training.held_out import CUTOFF, HeldOut
from lsr.training.objective import Objective, mean_terms, shared_terms
from lsr.training.recipe import Action, Numbers, Recipe
from lsr.training.towers import TableTower, TrainableEncoder

BEST_FILE = "best.safetensors"
MEASURE = f"RR@{CUTOFF}"
DEFAULT_TERMS = 200.0
"""Terms of a document after a repair, where nothing says how many are wanted."""


def training_arguments(recipe: Recipe, output: Path) -> TrainingArguments:
    """Return what transformers' Trainer is to do of a recipe."""
    schedule = recipe.schedule
    arguments = TrainingArguments(
        output_dir=str(output / FOLDER),
        max_steps=schedule.steps,
        per_device_train_batch_size=1,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type=schedule.decay.value
        if schedule.decay != "constant"
        else "constant_with_warmup",
        warmup_steps=schedule.warmup_steps,
        weight_decay=schedule.weight_decay,
        max_grad_norm=schedule.max_gradient_norm,
        bf16=schedule.precision is Numbers.BFLOAT16,
        fp16=schedule.precision is Numbers.FLOAT16,
        seed=schedule.seed,
        logging_steps=schedule.log_every,
        logging_nan_inf_filter=False,
        save_steps=schedule.checkpoint_every,
        save_total_limit=schedule.keep_checkpoints,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=[],
    )
    # One process uses one device: several would be a process each, by accelerate or torchrun.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


class SparseTrainer(Trainer):
    """Trains an encoder by a recipe.

    Args:
        encoder: the towers.
        recipe: the recipe.
        arguments: from `training_arguments`.
        batches: of each step.
        held_out: what is measured on; None for nothing.
        gradient: what computes the gradient of a step.
        on_log: hears of every line of the log.
    """

    def __init__(
        self,
        encoder: TrainableEncoder,
        recipe: Recipe,
        arguments: TrainingArguments,
        batches: Batches,
        *,
        held_out: HeldOut | None = None,
        gradient: MakesGradient = BatchGradient,
        on_log: Callable[[dict[str, Any]], None] = lambda line: None,
    ) -> None:
        super().__init__(model=encoder, args=arguments, train_dataset=batches)
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise ConfigError(
                "Weights that are sharded by FSDP or DeepSpeed cannot be trained, since gradients "
                "are summed here; launch the training without them."
            )
        self.remove_callback(PrinterCallback)
        self._recipe = recipe
        self._held_out = held_out
        self._on_log = on_log
        self._objective = Objective(recipe)
        self._guard = CollapseGuard(recipe.guard, recipe.documents.ramp_steps)
        self._n_repairs = 0
        self._measured_step = 0
        self._best: tuple[int, float] | None = None
        self._sums: dict[str, float] = {}
        self._n_summed = 0
        self._gradient = gradient(
            encoder,
            self._objective,
            recipe.schedule.micro_batch,
            recipe.schedule.seed,
            self.accelerator.autocast,
            self.accelerator.backward,
        )

    @property
    def best_weights(self) -> Path | None:
        """File of the weights at the best measurement, if there was one."""
        keeps = self._recipe.held_out is not None and self._recipe.held_out.keeps_best
        return Path(self.args.output_dir) / BEST_FILE if keeps and self._best else None

    @property
    def figures(self) -> dict[str, float]:
        """What is said of the model: of its last batches, and its best measurement."""
        names = ("query_terms", "document_terms", "flops")
        found = {
            name: line[name] for line in self.state.log_history for name in names if name in line
        }
        if self._best is not None:
            found[f"held_out_{MEASURE}"] = self._best[1]
        return found

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return the optimizer, with a group of its own for a table of query weights."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        rate = self._recipe.schedule.query_weights_learning_rate
        queries = self._gradient.encoder.queries
        if is_new and rate is not None and isinstance(queries, TableTower):
            for group in optimizer.param_groups:
                group["params"] = [one for one in group["params"] if one is not queries.table]
            # Weight decay would draw weights to zero that were not made by training.
            alone = {"params": [queries.table], "lr": rate, "weight_decay": 0.0}
            optimizer.add_param_group(alone)
        return optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Return a batch a step, in order, to every process: each takes its share itself."""
        return DataLoader(self.train_dataset, batch_size=1, collate_fn=_only)

    def training_step(
        self, model: Any, inputs: dict[str, TrainingBatch], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Add the gradient of a step; see `Gradient`."""
        encoder, step = self._gradient.encoder, self.state.global_step + 1
        encoder.train()
        for tower in (encoder.queries, encoder.documents):
            if not any(parameter.requires_grad for parameter in tower.parameters()):
                tower.eval()
        try:
            result = self._gradient.compute(inputs["batch"], step)
        except torch.OutOfMemoryError as error:
            raise TrainingError(self._memory_advice()) from error
        self._note(result, inputs["batch"], step)
        collapse = self._guard.observe(result, step)
        self._objective.observe(result.queries, result.documents, step)
        if collapse is not None:
            self._answer(collapse, inputs["batch"])
        return torch.stack(list(result.parts.values())).sum()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log what the steps since the last line were, in the mean."""
        if self._n_summed:
            logs |= {name: total / self._n_summed for name, total in self._sums.items()}
            self._sums, self._n_summed = {}, 0
        super().log(logs, start_time)
        self._say({"step": self.state.global_step, **logs})

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        """Measure where it is due, before a checkpoint is written that must know of it."""
        part, step = self._recipe.held_out, self.state.global_step
        is_due = part is not None and (step % part.every == 0 or step == self.state.max_steps)
        if is_due and self._held_out is not None and self.is_world_process_zero():
            self._measure(self._held_out)
        super()._maybe_log_save_evaluate(*args, **kwargs)

    def _measure(self, held_out: HeldOut) -> None:
        step = self.state.global_step
        if self._measured_step == step:  # the Trainer asks once more after the last step
            return
        self._measured_step = step
        found = held_out.measure(self._gradient.encoder)
        self._on_log({"step": step, **{f"held_out_{name}": one for name, one in found.items()}})
        if self._best is None or found[MEASURE] > self._best[1]:
            self._best = (step, found[MEASURE])
            Path(self.args.output_dir).mkdir(parents=True, exist_ok=True)
            save_model(self._gradient.encoder, Path(self.args.output_dir) / BEST_FILE)

    def _note(self, result: StepResult, batch: TrainingBatch, step: int) -> None:
        """Add up what the log says of a step."""
        found = {f"loss_{name}": float(part) for name, part in result.parts.items()}
        found["query_terms"] = mean_terms(result.queries)
        found["document_terms"] = mean_terms(result.documents)
        found["flops"] = shared_terms(result.queries, result.documents)
        for side in ("queries", "documents"):
            found[f"strength_{side}"] = self._objective.strength(side, step)
        separate = self._objective.separate_lambda(result.documents, batch.group_size, step)
        if separate is not None:
            found["lambda_documents_naver"] = separate
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._n_summed += 1

    def _answer(self, collapse: Collapse, batch: TrainingBatch) -> None:
        """Do with a collapse what the recipe says."""
        action, guard = self._recipe.guard.action, self._recipe.guard
        if action is Action.WARN:
            self._say({"step": self.state.global_step + 1, "collapse": collapse.message})
            self._guard.forget()
            return
        encoder = self._gradient.encoder
        is_query = collapse.side == "queries"
        tower = encoder.queries if is_query else encoder.documents
        can_repair = collapse.symptom in (Symptom.EMPTY, Symptom.DENSE) and can_calibrate(tower)
        if action is Action.STOP or not can_repair or self._n_repairs >= guard.repairs:
            raise CollapseError(collapse.message)
        side = self._recipe.queries if is_query else self._recipe.documents
        wanted = side.target_terms or min(self._guard.first_terms or math.inf, DEFAULT_TERMS)
        texts = batch.queries if is_query else batch.documents
        shift = calibrate(tower, texts, max(1.0, wanted))
        self._n_repairs += 1
        self._guard.forget()
        self._say(
            {
                "step": self.state.global_step + 1,
                "collapse": collapse.message,
                "repair": f"The bias of the head was shifted by {shift:.3f}.",
            }
        )

    def _say(self, line: dict[str, Any]) -> None:
        """Write a line of the log, once for all processes."""
        if self.is_world_process_zero():
            self._on_log(line)

    def _memory_advice(self) -> str:
        schedule = self._recipe.schedule
        here = schedule.batch // self.args.world_size
        now = min(schedule.micro_batch or here, here)
        if now > 1:
            return (
                f"Memory ran out with {now} queries encoded at a time; set schedule.micro_batch to "
                f"{now // 2}, which changes nothing but memory and time."
            )
        return (
            "Memory ran out with one query and its documents encoded at a time; set "
            "schedule.gradient_checkpointing, or lower data.negatives_per_query or "
            "model.max_length."
        )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write the weights of a checkpoint, and what is remembered between steps."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self._gradient.encoder, folder / WEIGHTS_FILE)
        memory = {
            "objective": self._objective.state(),
            "guard": self._guard.state(),
            "best": self._best,
            "n_repairs": self._n_repairs,
        }
        (folder / MEMORY_FILE).write_text(json.dumps(memory), encoding="utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Go on from a checkpoint."""
        folder = Path(resume_from_checkpoint)
        load_model(self._gradient.encoder, folder / WEIGHTS_FILE)
        memory = json.loads((folder / MEMORY_FILE).read_text(encoding="utf-8"))
        self._objective.restore(memory["objective"])
        self._guard.restore(memory["guard"])
        self._best = None if memory["best"] is None else tuple(memory["best"])
        self._n_repairs = memory["n_repairs"]


def _only(batch: list[Any]) -> Any:
    return batch[0]
