"""How is transformers timed by itself? The loop that model cards show: logits, log, maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lsr.encoders import Precision
from lsr.encoders.layouts import check_checkpoint
from lsr.eval.bench.encoders.base import PEER_BATCH_SIZE, Opened, Task, why_no_torch
from lsr.eval.bench.encoders.pooling import Row, active_rows, rows_as_batch


class Transformers:
    """A masked-language model in float32, a batch of texts at a time."""

    library: ClassVar[str] = "transformers"
    packages: ClassVar[tuple[str, ...]] = ("transformers", "torch")
    name = f"{library} {Precision.FLOAT32}"

    def why_missing(self) -> str | None:
        """Say how to install it."""
        return why_no_torch() or None

    def open(self, task: Task) -> Opened:
        """Load tokenizer and model."""
        import torch
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        folder = str(check_checkpoint(task.folder).documents.folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).eval()

        def encode(texts: Sequence[str]) -> list[Row]:
            rows: list[Row] = []
            for start in range(0, len(texts), PEER_BATCH_SIZE):
                inputs = tokenizer(
                    list(texts[start : start + PEER_BATCH_SIZE]),
                    padding=True,
                    truncation=True,
                    max_length=task.max_length,
                    return_tensors="pt",
                )
                rows += active_rows(_weights(model, inputs).numpy())
            return rows

        return Opened(encode, encode, rows_as_batch)


def _weights(model: Any, inputs: Any) -> Any:
    """Return the weight of every term in every text, a tensor of shape (texts, terms)."""
    import torch

    with torch.inference_mode():
        logits = model(**inputs).logits
        mask = inputs["attention_mask"][..., None]
        return (torch.log1p(torch.relu(logits)) * mask).amax(dim=1)
