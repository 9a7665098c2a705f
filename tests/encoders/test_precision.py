import pytest
import torch

from lsr.encoders.precision import Precision


@pytest.mark.parametrize(
    ("has_bf16", "has_amx", "expected"),
    [(True, False, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")],
)
def test_auto_takes_bfloat16_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, has_amx: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx, raising=False)

    assert Precision.AUTO.resolved() == expected


def test_a_torch_that_cannot_tell_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)

    assert Precision.AUTO.resolved() is Precision.FLOAT32


def test_a_chosen_precision_stays() -> None:
    assert Precision.FLOAT32.resolved() is Precision.FLOAT32
    assert Precision.BFLOAT16.torch_dtype() is torch.bfloat16
