import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from lsr.training import tiled_head
from lsr.training.tiled_head import largest_logits

ROUNDING = 1e-5
"""float32 sums of some hundred terms in another order, relative to gradients of size 1."""


def materialised(
    hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, mask: torch.Tensor
) -> torch.Tensor:
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return logits.masked_fill(~mask[..., None], -torch.inf).amax(1)


def given(dtype: torch.dtype, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Return hidden states, matrix, bias and mask; masked tokens stand at either end."""
    made = torch.Generator().manual_seed(seed)
    hidden = torch.randn(4, 9, 5, generator=made, dtype=dtype)
    weight = torch.randn(23, 5, generator=made, dtype=dtype)
    bias = torch.randn(23, generator=made, dtype=dtype)
    mask = torch.ones(4, 9, dtype=torch.bool)
    mask[0, 6:] = False
    mask[1, :3] = False
    mask[2, 1:] = False
    # What is masked would win if it were looked at.
    return hidden * torch.where(mask[..., None], 1, 50), weight, bias, mask


@pytest.mark.parametrize("tile_logits", [1, 36 * 4, 1 << 22])
@pytest.mark.parametrize("pairs", [1, 7, 1 << 14])
def test_values_and_gradients_are_those_of_all_logits(
    monkeypatch: pytest.MonkeyPatch, tile_logits: int, pairs: int
) -> None:
    monkeypatch.setattr(tiled_head, "TILE_LOGITS", tile_logits)
    monkeypatch.setattr(tiled_head, "PAIRS_AT_ONCE", pairs)
    *leaves, mask = given(torch.float32)
    upstream = torch.randn(4, 23, generator=torch.Generator().manual_seed(1)).relu()

    found = []
    for compute in (largest_logits, materialised):
        own = [leaf.clone().requires_grad_() for leaf in leaves]
        largest: torch.Tensor = compute(own[0], own[1], own[2], mask)
        found.append([largest, *torch.autograd.grad((largest * upstream).sum(), own)])

    for tiled, whole in zip(*found, strict=True):
        torch.testing.assert_close(tiled, whole, rtol=ROUNDING, atol=ROUNDING)


def test_gradients_pass_gradcheck() -> None:
    hidden, weight, bias, mask = given(torch.float64)
    leaves = [one.requires_grad_() for one in (hidden, weight, bias)]

    assert torch.autograd.gradcheck(lambda h, w, b: largest_logits(h, w, b, mask), leaves)


def test_a_head_may_have_no_bias() -> None:
    hidden, weight, _, mask = given(torch.float64)

    found = largest_logits(hidden, weight, None, mask)

    torch.testing.assert_close(found, materialised(hidden, weight, None, mask))


def test_of_equal_logits_the_first_token_takes_the_gradient() -> None:
    hidden = torch.ones(1, 4, 2, requires_grad=True)
    mask = torch.tensor([[False, True, True, True]])

    largest_logits(hidden, torch.ones(3, 2), None, mask).sum().backward()

    assert hidden.grad[0].tolist() == [[0, 0], [3, 3], [0, 0], [0, 0]]


def test_products_are_narrow_under_autocast_and_sums_are_not() -> None:
    hidden, weight, bias, mask = given(torch.float32)
    hidden = hidden.bfloat16().requires_grad_()
    weight.requires_grad_()

    with torch.autocast("cpu", torch.bfloat16):
        largest = largest_logits(hidden, weight, bias, mask)
    largest.sum().backward()

    assert largest.dtype == torch.float32
    assert hidden.grad.dtype == torch.bfloat16
    assert weight.grad.dtype == torch.float32
    whole = materialised(hidden.detach().float(), weight.detach(), bias, mask)
    # bfloat16 keeps 8 bits of logits of up to 15.
    torch.testing.assert_close(largest.detach(), whole, rtol=2**-7, atol=0.1)


STEP = """
import sys, numpy as np, torch
from transformers import BertConfig, BertForMaskedLM
from lsr.encoders.method import Side, VocabularyWeighting
from lsr.encoders.tokenization import TokenizedText
from lsr.training import towers
torch.set_num_threads(1)
torch.manual_seed(0)
def materialised(hidden, weight, bias, mask):
    logits = torch.nn.functional.linear(hidden, weight, bias)
    return logits.masked_fill(~mask[..., None], -torch.inf).amax(1)
if sys.argv[1] == "materialised":
    towers.largest_logits = materialised
shape = dict(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)
body = BertForMaskedLM(BertConfig(**shape))
# As sparse as a trained model: some hundred of 30,522 terms a text.
torch.nn.init.constant_(body.get_output_embeddings().bias, -0.9)
side = Side(VocabularyWeighting())
tower = towers.NetworkTower(towers.Network(body, {}, True), side, np.empty(0, np.int64))
draw = np.random.default_rng(0)
texts = [TokenizedText(draw.integers(1000, 30000, 256), False, slice(0, 256)) for _ in range(32)]
def highest():
    # Not ru_maxrss: a process inherits that from the one that started it.
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0])
before = highest()
vectors = tower(texts)
vectors.mean(0).square().sum().backward()
print((highest() - before) * 1024)
"""


def peak(kind: str) -> int:
    """Return by how many bytes a step of a model raises the peak of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", STEP, kind], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.slow
def test_a_training_step_of_a_model_takes_a_fifth_of_the_memory(
    evidence: Callable[[str], None],
) -> None:
    tiled, whole = (peak(kind) for kind in ("tiled", "materialised"))

    evidence(
        f"a step of a model of BERT-tiny's shape at 32 x 256 tokens: {tiled / 1e6:,.0f} MB in "
        f"tiles, {whole / 1e6:,.0f} MB with all logits"
    )
    assert whole > 5 * tiled
