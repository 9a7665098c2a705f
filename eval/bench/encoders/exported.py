"""What do ONNX Runtime and OpenVINO load? A file exported by torch, and the model's tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.encoders.torch_model import load_transformers_tokenizer
from lsr.eval.bench.encoders.base import Task, why_no_torch, why_not_installed

PACKAGES = ("torch", "transformers", "onnx", "onnxscript")


def why_not_exported() -> str:
    """Say what the export lacks; empty if nothing."""
    return (
        why_no_torch()
        or why_not_installed("onnx", "onnx")
        or why_not_installed("onnxscript", "onnxscript")
    )


def onnx_file(task: Task) -> Path:
    """Return the file of a model that maps ids and mask to logits; made once for each model."""
    file = task.scratch / "model.onnx"
    if not file.exists():
        _export(check_checkpoint(task.folder).documents.folder, file)
    return file


def padding_tokenizer(task: Task) -> Tokenizer:
    """Return the tokenizer of a model, which cuts texts and pads them to the longest of a batch."""
    checkpoint = check_checkpoint(task.folder).documents
    tokenizer = read_tokenizer(checkpoint.folder, checkpoint.model_type)
    tokenizer = tokenizer or load_transformers_tokenizer(checkpoint.folder)
    tokenizer.enable_truncation(task.max_length)
    tokenizer.enable_padding(pad_id=checkpoint.config.get("pad_token_id") or 0)
    return tokenizer


def _export(folder: Path, file: Path) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    ids = torch.arange(2 * 16).view(2, 16)  # more than one of each, so that no size is taken as 1
    sizes = {0: "batch", 1: "tokens"}
    with torch.inference_mode():
        program = torch.onnx.export(
            _logits_only(model),
            (ids, torch.ones_like(ids)),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
            dynamo=True,
            verbose=False,
        )
    program.save(str(file))


def _logits_only(model: Any) -> Any:
    import torch

    class LogitsOnly(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    return LogitsOnly()
