from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lsr.encoders.vocabulary_head as vocabulary_head
from lsr.encoders.method import Pooling, VocabularyWeighting
from lsr.encoders.vocabulary_head import VocabularyHead, split_head
from lsr.errors import UnsupportedModelError


@settings(deadline=None)
@given(
    n_texts=st.integers(1, 4),
    n_tokens=st.integers(1, 6),
    n_terms=st.integers(1, 40),
    has_bias=st.booleans(),
    tile_logits=st.integers(1, 200),
    data=st.data(),
)
def test_tiles_are_pooled_over_the_unmasked_tokens(
    n_texts: int, n_tokens: int, n_terms: int, has_bias: bool, tile_logits: int, data: Any
) -> None:
    random = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    weight = torch.randn(n_terms, 8, generator=random)
    bias = torch.randn(n_terms, generator=random) if has_bias else None
    hidden = torch.randn(n_texts, n_tokens, 8, generator=random)
    some = st.lists(st.booleans(), min_size=n_tokens, max_size=n_tokens).filter(any)
    mask = torch.tensor([data.draw(some) for _ in range(n_texts)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary_head, "TILE_LOGITS", tile_logits)
        head = VocabularyHead(weight, bias, torch.float32)
        largest = head.largest_logits(hidden, mask)
        summed = head.pooled_weights(
            hidden, mask, VocabularyWeighting(pooling=Pooling.SUM, saturation=2)
        )

    logits = torch.nn.functional.linear(hidden, weight, bias)
    expected = logits.masked_fill(~mask[..., None], -torch.inf).amax(1).clamp(min=0)
    np.testing.assert_allclose(largest.numpy(), expected.numpy(), atol=1e-5)
    weights = np.log(1 + np.log(1 + np.maximum(logits.numpy(), 0)))
    np.testing.assert_allclose(
        summed.numpy(), (weights * mask.numpy()[..., None]).sum(1), atol=1e-5
    )


def test_bfloat16_loses_no_digit_of_the_bias() -> None:
    # -257 needs nine binary digits and bfloat16 has eight, so that a bias of one column would
    # leave 258 - 256 = 2.
    weight, bias = torch.tensor([[129.0], [1.0]]), torch.tensor([-257.0, 0.0])
    hidden = torch.tensor([[[2.0], [-2.0]]])

    head = VocabularyHead(weight, bias, torch.bfloat16)

    largest = head.largest_logits(hidden, torch.ones(1, 2, dtype=torch.bool))
    assert largest.tolist() == [[1.0, 2.0]]


class TinyModel(torch.nn.Module):
    """An embedding and a head; `after` is applied to the logits."""

    def __init__(self, after: Any = lambda logits: logits, head: Any = None) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 4)
        self.head = head or torch.nn.Linear(4, 7)
        self.after = after

    def get_output_embeddings(self) -> Any:
        return self.head

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        class Output:
            logits = self.after(self.head(self.embedding(input_ids)))

        return Output


PROBE = (torch.tensor([[1, 2, 3], [4, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]]))


def test_a_plain_head_is_split_off() -> None:
    model = TinyModel()

    head = split_head(model, torch.float32, PROBE)

    assert head.n_terms == 7
    assert model(*PROBE).logits.shape == (2, 3, 4)


@pytest.mark.parametrize(
    "after",
    [lambda logits: torch.tanh(logits) * 3, lambda logits: logits * 2, lambda logits: logits / 0],
    ids=["capped", "scaled", "infinite"],
)
def test_a_model_that_goes_on_after_its_head_is_refused(after: Any) -> None:
    def only_for_terms(logits: Any) -> Any:
        return after(logits) if logits.shape[-1] == 7 else logits

    with pytest.raises(UnsupportedModelError, match="computes more after that layer"):
        split_head(TinyModel(only_for_terms), torch.float32, PROBE)


def test_a_head_that_is_no_matrix_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="output layer is Bilinear"):
        split_head(TinyModel(head=torch.nn.Bilinear(4, 4, 7)), torch.float32, PROBE)


def test_no_tensor_ever_holds_all_logits(
    splade_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    from lsr.encoders import Backend, load_encoder
    from lsr.encoders.two_tower import TwoTowerEncoder

    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    encoder = load_encoder(str(splade_tiny), backend=Backend.TORCH)
    assert isinstance(encoder, TwoTowerEncoder)
    monkeypatch.setattr(encoder.documents, "_n_workers", 1)
    texts = ["word " * 300] * 16

    with Sizes():
        encoder.encode_documents(texts)

    all_logits = 16 * 256 * len(encoder.tokens)
    assert 0 < max(sizes) < all_logits / 50
