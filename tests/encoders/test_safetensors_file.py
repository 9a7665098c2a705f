import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from lsr.encoders.safetensors_file import ModelWeights, SafetensorsFile
from lsr.errors import UnsupportedModelError

VALUES = torch.tensor([[1.5, -2.0, 3.0e-3], [0.0, 100.25, -7.0]])


def save(path: Path, tensors: dict[str, Any]) -> Path:
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def write(path: Path, header: Any, data: bytes = b"") -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_is_read_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    # An odd number of bytes before it leaves the tensor unaligned.
    odd = torch.ones(3, dtype=torch.uint8)
    file = SafetensorsFile(save(tmp_path / "f", {"a": odd, "x": VALUES.to(dtype)}))

    values = file.read("x")

    assert values.dtype == np.float32
    assert values.flags.aligned
    np.testing.assert_array_equal(values, VALUES.to(dtype).float().numpy())


def test_a_number_and_an_empty_tensor_are_read(tmp_path: Path) -> None:
    tensors = {"number": torch.tensor(2.5), "empty": torch.empty(0, 3)}
    file = SafetensorsFile(save(tmp_path / "f", tensors))

    assert file.read("number") == 2.5
    assert file.read("empty").shape == (0, 3)


def test_integers_are_refused_by_name(tmp_path: Path) -> None:
    file = SafetensorsFile(save(tmp_path / "f", {"x": torch.ones(3, dtype=torch.int8)}))

    with pytest.raises(UnsupportedModelError, match="hold 'x' as I8, but only F32, F16"):
        file.read("x")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{", "header is not readable JSON"),
        (b"[" * 100_000, "header is not readable JSON"),
        ([], "header is no object"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        SafetensorsFile(write(tmp_path / "f", header))


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 1 << 60) + b"{}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)

    with pytest.raises(UnsupportedModelError, match="weights"):
        SafetensorsFile(tmp_path / "f")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 12]}, "size of its shape \\[2\\]"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [-4, 4]}, "size of its shape"),
        ({"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]}, "size of its shape"),
        ({"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}, "size of its shape"),
        ({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "ends at byte"),
        ({"dtype": "F32", "shape": [2]}, "not understood"),
        ({"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}, "not understood"),
        ("x", "not understood"),
    ],
)
def test_a_place_outside_the_file_is_refused(tmp_path: Path, entry: Any, message: str) -> None:
    file = SafetensorsFile(write(tmp_path / "f", {"x": entry}, data=bytes(12)))

    with pytest.raises(UnsupportedModelError, match=message):
        file.read("x")


@given(damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_damage_does_worse_than_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    path = save(tmp_path_factory.mktemp("damage") / "f", {"x": VALUES, "y": VALUES * 2})
    raw = bytearray(path.read_bytes())
    for place, byte in damage:
        raw[place % len(raw)] = byte
    path.write_bytes(raw)

    with suppress(UnsupportedModelError):  # nothing else, and no crash
        file = SafetensorsFile(path)
        if "x" in file:
            file.read("x")


def test_a_model_in_several_files_is_one(tmp_path: Path) -> None:
    save(tmp_path / "model-1.safetensors", {"a": VALUES})
    save(tmp_path / "model-2.safetensors", {"b": VALUES + 1})
    places = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))

    weights = ModelWeights(tmp_path)

    np.testing.assert_array_equal(weights.read(["a"], (2, 3)), VALUES)
    np.testing.assert_array_equal(weights.read(["b"], (2, 3)), VALUES + 1)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "must hold the object 'weight_map'"),
        ({"weight_map": {"a": "../model-1.safetensors"}}, "is not in its folder"),
        ({"weight_map": {"a": "absent.safetensors"}}, r"absent\.safetensors cannot be read"),
    ],
)
def test_an_index_of_files_that_leads_nowhere(tmp_path: Path, index: Any, message: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(UnsupportedModelError, match=message):
        ModelWeights(tmp_path)


def test_the_first_name_there_is_wins(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"new": VALUES, "old": VALUES * 2})
    weights = ModelWeights(tmp_path)

    np.testing.assert_array_equal(weights.read(["newest", "old", "new"], (2, 3)), VALUES * 2)
    with pytest.raises(UnsupportedModelError, match="lack 'x' and 'y', so its output"):
        weights.read(["x", "y"], (2, 3))


def test_another_shape_is_said(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"x": VALUES})

    with pytest.raises(UnsupportedModelError, match=r"shape \[2, 3\], but .* makes it \[3, 2\]"):
        ModelWeights(tmp_path).read(["x"], (3, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_what_is_not_finite_in_float32_is_refused(tmp_path: Path, value: float) -> None:
    spoilt = VALUES.double()
    spoilt[1, 1] = value
    save(tmp_path / "model.safetensors", {"x": spoilt})

    with pytest.raises(UnsupportedModelError, match="NaN or infinite values in 'x'"):
        ModelWeights(tmp_path).read(["x"], (2, 3))


def test_large_numbers_are_finite_though_their_squares_are_not(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors", {"x": VALUES * 1e30})

    assert ModelWeights(tmp_path).read(["x"], (2, 3)).max() > 1e30
