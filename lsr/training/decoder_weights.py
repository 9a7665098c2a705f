"""What weights does a decoder give, with gradients? Those that its weighers compute without.

The formulas are those of `lsr.encoders.decoder.weighers`; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from lsr.encoders.decoder.weighers import last_hidden, pooled_alone, saturated
from lsr.encoders.decoder.weighting import DecoderWeighting
from lsr.encoders.safetensors_file import SafetensorsFile
from lsr.encoders.torch_weighers import TextTensors
from lsr.errors import UnsupportedModelError
from lsr.training.tiled_head import largest_logits


def decoder_weights(
    hidden: torch.Tensor, layer: Any, batch: TextTensors, weighting: DecoderWeighting
) -> torch.Tensor:
    """Return SPLADE's weights of a decoder, shape (n_texts, n_terms).

    Args:
        hidden: shape (n_texts, n_tokens, width).
        layer: the linear layer over the vocabulary.
        batch: the texts.
        weighting: how logits become weights.
    """
    states, mask = pooled_alone(hidden, batch)
    scale = hidden.shape[-1] ** weighting.scale_exponent
    return saturated(largest_logits(states, layer.weight, layer.bias, mask) * scale)


class LiteralResidual(torch.nn.Module):
    """The layer of PROSPER's bonus, of low rank or whole; see `LiteralResidualWeighting`.

    Args:
        hidden_size: of the decoder.
        n_terms: of its vocabulary.
        rank: of the layer; None for a whole one.
        generator: of its weights.
    """

    def __init__(
        self, hidden_size: int, n_terms: int, rank: int | None, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.down = None if rank is None else torch.nn.Linear(hidden_size, rank, bias=False)
        self.up = torch.nn.Linear(rank or hidden_size, n_terms, bias=False)
        with torch.no_grad():
            for layer in (self.up, self.down):
                if layer is not None:
                    layer.weight.normal_(0, layer.in_features**-0.5 / 2, generator=generator)

    @classmethod
    def read(cls, file: Path, hidden_size: int, n_terms: int) -> LiteralResidual:
        """Return the layer that a file holds.

        Args:
            file: as `lsr.encoders.decoder.residual_file` draws it.
            hidden_size: of the decoder.
            n_terms: of its vocabulary.

        Raises:
            UnsupportedModelError: it does not fit the model, or has a bias, which is not trained.
        """
        stored = SafetensorsFile(file)
        rank = None if "weight" in stored else int(stored.read("down").shape[0])
        layer = cls(hidden_size, n_terms, rank, torch.Generator())
        found = {}
        for name, own in layer.tensors().items():
            tensor = torch.from_numpy(stored.read(name).copy())
            if tensor.shape != own.shape or "bias" in stored:
                raise UnsupportedModelError(
                    f"{file} cannot be trained: its tensor {name!r} must have the shape "
                    f"{list(own.shape)} (it has {list(tensor.shape)}), and there must be no bias."
                )
            found["down.weight" if name == "down" else "up.weight"] = tensor
        layer.load_state_dict(found)
        return layer

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what `lsr.encoders.decoder.residual_file` reads."""
        up = self.up.weight.detach().float().cpu().contiguous()
        if self.down is None:
            return {"weight": up}
        return {"up": up, "down": self.down.weight.detach().float().cpu().contiguous()}

    def weights(self, hidden: torch.Tensor, layer: Any, batch: TextTensors) -> torch.Tensor:
        """Return the weights of texts, shape (n_texts, n_terms).

        Args:
            hidden: shape (n_texts, n_tokens, hidden size).
            layer: the linear layer over the vocabulary.
            batch: the texts.
        """
        last = last_hidden(hidden, batch)
        weights = saturated(torch.nn.functional.linear(last, layer.weight, layer.bias).float())
        seen = saturated(last)
        numbers = self.up(seen if self.down is None else self.down(seen)).float()
        bonus = numbers.amax(1, keepdim=True) - numbers
        return weights + bonus * literal_terms(batch, bonus)


def literal_terms(batch: TextTensors, like: torch.Tensor) -> torch.Tensor:
    """Return 1 for the terms that each text holds, else 0, in the shape of `like`."""
    marks = torch.zeros_like(like)
    for row, text in enumerate(batch.texts):
        assert text.literal is not None
        marks[row, torch.from_numpy(text.literal).to(like.device)] = 1
    return marks
