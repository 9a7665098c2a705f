"""What does the unified framework compute? Written from its formulas, one text at a time."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from lsr.encoders.linear_head import LinearHead
from lsr.encoders.method import Activation, Head

A = np.random.default_rng(77).normal(size=16).astype(np.float32)
B = 0.25


def save_heads(folder: Path, size: int = 16) -> dict[Head, LinearHead]:
    """Save the layer (A, B) for every head, in the file that our own layout has them in."""
    file = folder / "heads.safetensors"
    tensors: dict[str, NDArray[np.float32]] = {}
    for name in Head:
        tensors |= {f"{name}.weight": A[None, :size], f"{name}.bias": np.array([B], np.float32)}
    save_file(tensors, file)
    return {name: LinearHead(file, name) for name in Head}


@cache
def _output(folder: Path, text: str) -> Any:
    """Return what transformers computes for one text, [CLS] first and [SEP] last."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            output_hidden_states=True,
        )


def token_logits(folder: Path, text: str) -> Any:
    """Return the logits of every token, shape (tokens, terms)."""
    return _output(folder, text).logits[0].numpy()


def hidden_states(folder: Path, text: str) -> Any:
    """Return what the last layer says of every token, shape (tokens, 16)."""
    return _output(folder, text).hidden_states[-1][0].numpy()


def text_ids(folder: Path, text: str) -> list[int]:
    """Return the ids of the tokens of a text, without those that the model adds."""
    from transformers import AutoTokenizer

    ids: list[int] = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False).input_ids
    return ids


def activated(activation: Activation, numbers: NDArray[Any], saturation: int) -> Any:
    """Return the activation of numbers, after some times log(1 + max(0, x))."""
    weights = {
        Activation.RELU: np.maximum(numbers, 0),
        Activation.SOFTPLUS: np.log(1 + np.exp(numbers)),
        Activation.IDENTITY: numbers,
    }[activation]
    for _ in range(saturation):
        weights = np.log(1 + np.maximum(weights, 0))
    return weights


def of_tokens(
    folder: Path, text: str, activation: Activation, saturation: int, *, summed: bool, n_terms: int
) -> Any:
    """Return the weight of every term by the "MLP" encoder, shape (n_terms,)."""
    weights = activated(activation, hidden_states(folder, text) @ A + B, saturation)[1:-1]
    merged = np.full(n_terms, 0.0 if summed else -np.inf)
    (np.add if summed else np.maximum).at(merged, text_ids(folder, text), weights)
    return np.maximum(merged, 0)


def of_epic(folder: Path, text: str) -> Any:
    """Return the weight of every term by EPIC's documents, shape (n_terms,)."""
    numbers = hidden_states(folder, text) @ A + B
    importance = np.log(1 + np.log(1 + np.exp(numbers)))
    logits = token_logits(folder, text) * importance[:, None]
    weights = np.log(1 + np.log(1 + np.exp(logits)))[1:-1].max(0)
    return weights / (1 + np.exp(-numbers[0]))
