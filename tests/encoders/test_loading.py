import json
import logging
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from lsr.encoders import Backend, Precision, load_encoder
from lsr.errors import ConfigError, MissingDependencyError, UnsupportedModelError
from tiny_models import KINDS, POSITIONS

Copy = Callable[[], Path]


def change_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def change_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def refusal(folder: Path, backend: Backend = Backend.AUTO) -> str:
    with pytest.raises(UnsupportedModelError) as caught:
        load_encoder(str(folder), max_length=32, backend=backend)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_importing_encoders_imports_no_torch() -> None:
    program = "import sys, lsr.encoders; print({'torch', 'transformers'} & set(sys.modules))"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert result.stdout.strip() == "set()", result.stderr


def test_missing_torch_names_the_extra(
    tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingDependencyError, match=r'pip install "lsr-engine\[encode\]"\.$'):
        load_encoder(str(tiny_models["bert"]), backend=Backend.TORCH)


def test_the_native_backend_needs_neither_torch_nor_transformers(
    tiny_models: dict[str, Path],
) -> None:
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torch', 'transformers', 'safetensors']))\n"
        "from lsr.encoders import load_encoder\n"
        "encoder = load_encoder(sys.argv[1], max_length=32)\n"
        "print(encoder.encode_documents(['the ocean']).nnz)"
    )

    for folder in tiny_models.values():
        result = subprocess.run(
            [sys.executable, "-c", program, str(folder)], capture_output=True, text=True
        )

        assert int(result.stdout or 0) > 0, result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_backends_are_interchangeable(tiny_models: dict[str, Path], kind: str) -> None:
    native, torch = (
        load_encoder(str(tiny_models[kind]), precision=Precision.FLOAT32, backend=backend)
        for backend in (Backend.NATIVE, Backend.TORCH)
    )

    assert native.settings == torch.settings
    assert native.fingerprint == torch.fingerprint


def test_auto_takes_torch_for_other_architectures_and_says_so(
    spoilt_copy: Copy, caplog: pytest.LogCaptureFixture
) -> None:
    folder = spoilt_copy()
    change_json(folder / "config.json", hidden_act="silu")

    encoder = load_encoder(str(folder), max_length=32)

    assert encoder.encode_documents(["water"]).nnz > 0
    assert "its activation is 'silu', not one of gelu" in caplog.text
    assert "torch runs it" in caplog.text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_act": "silu"}, "its activation is 'silu'"),
        ({"model_type": "modernbert"}, "its type is 'modernbert', not one of bert, distilbert"),
        ({"position_embedding_type": "relative_key"}, "position embeddings are 'relative_key'"),
        ({"is_decoder": True}, "its configuration sets is_decoder"),
    ],
)
def test_the_native_backend_names_what_it_does_not_run(
    spoilt_copy: Copy, changes: dict[str, Any], reason: str
) -> None:
    folder = spoilt_copy()
    change_json(folder / "config.json", **changes)

    message = refusal(folder, Backend.NATIVE)

    assert reason in message
    assert message.endswith("use the torch backend.")


@pytest.mark.parametrize(
    ("backend", "precision", "offered"),
    [("native", "bfloat16", "auto, float32, int8"), ("torch", "int8", "auto, float32, bfloat16")],
)
def test_a_precision_that_the_backend_lacks(backend: Any, precision: Any, offered: str) -> None:
    with pytest.raises(ConfigError, match=f"compute in {precision}; choose one of {offered}"):
        load_encoder("anything", backend=backend, precision=precision)


def test_an_unknown_backend_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="'onnx' is not one of auto, native, torch"):
        load_encoder("anything", backend="onnx")  # type: ignore[arg-type]


def test_weights_without_the_head_are_refused(spoilt_copy: Copy, backend: Backend) -> None:
    def drop_head(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.startswith("cls.")]:
            del tensors[name]

    message = refusal(change_weights(spoilt_copy(), drop_head), backend)

    assert "so its output would be random" in message
    assert "'cls.predictions" in message


def test_nan_in_the_weights_is_refused(spoilt_copy: Copy, backend: Backend) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["bert.encoder.layer.1.output.dense.weight"][3, 4] = float("nan")

    message = refusal(change_weights(spoilt_copy(), spoil), backend)

    assert "NaN or infinite values in 'bert.encoder.layer.1.output.dense.weight'" in message


@pytest.mark.parametrize("header_bytes", [1 << 40, 8])
def test_a_lying_safetensors_header_is_refused(
    spoilt_copy: Copy, header_bytes: int, backend: Backend
) -> None:
    folder = spoilt_copy()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", header_bytes) + file.read_bytes()[8:])

    assert "weights" in refusal(folder, backend)


def test_cut_weights_are_refused(spoilt_copy: Copy, backend: Backend) -> None:
    folder = spoilt_copy()
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])

    assert "weights" in refusal(folder, backend)


def test_code_from_the_repository_is_never_run(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    trap = folder / "was_run"
    (folder / "modeling_own.py").write_text(f"open({str(trap)!r}, 'w')")
    change_json(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "modeling_own.C", "AutoModelForMaskedLM": "modeling_own.M"},
    )

    assert "needs code from its repository, which is never run" in refusal(folder)
    assert not trap.exists()


def test_an_unknown_model_type_is_named(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    change_json(folder / "config.json", model_type="SPLADE")

    assert "is of type 'SPLADE', which the installed transformers does not know." in refusal(folder)


def test_a_tokenizer_of_another_model_is_refused(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["vocab"]["late"] = 5000
    file.write_text(json.dumps(tokenizer))

    assert "up to id 5000" in refusal(folder)


def test_a_broken_tokenizer_is_refused(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')

    assert "tokenizer" in refusal(folder)


@pytest.mark.parametrize(
    ("kind", "longest"), [*zip(KINDS, [POSITIONS, POSITIONS, 62, 62], strict=True)]
)
def test_texts_as_long_as_the_positions_and_no_longer(
    tiny_models: dict[str, Path], kind: str, longest: int, backend: Backend
) -> None:
    encoder = load_encoder(str(tiny_models[kind]), max_length=longest, backend=backend)
    assert encoder.encode_documents(["river ocean " * 100]).nnz > 0

    with pytest.raises(ConfigError, match=rf"takes 1 to {longest} tokens\.$"):
        load_encoder(str(tiny_models[kind]), max_length=longest + 1, backend=backend)


@pytest.mark.parametrize("max_length", [0, -1])
def test_max_length_must_be_positive(tiny_models: dict[str, Path], max_length: int) -> None:
    with pytest.raises(ConfigError, match=f"max_length is {max_length}"):
        load_encoder(str(tiny_models["bert"]), max_length=max_length)


def test_an_unknown_precision_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="'int4' is not one of auto, float32, bfloat16, int8"):
        load_encoder("anything", precision="int4")  # type: ignore[arg-type]


def test_automatic_precision_is_recorded_as_what_it_became(
    tiny_models: dict[str, Path], backend: Backend
) -> None:
    folder = str(tiny_models["bert"])
    encoder = load_encoder(folder, max_length=32, backend=backend)

    expected = {Backend.NATIVE: Precision.FLOAT32, Backend.TORCH: Precision.AUTO.resolved()}
    assert encoder.settings["precision"] == expected[backend]


def test_loading_says_nothing_and_changes_no_setting(
    tiny_models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled
    from transformers.utils import logging as chatter

    def state() -> list[object]:
        level = logging.getLogger("transformers").level
        return [level, chatter.is_progress_bar_enabled(), are_progress_bars_disabled()]

    usual = chatter.get_verbosity()
    chatter.set_verbosity_info()  # the user's wish, which no other test has left behind
    chatter.enable_progress_bar()
    before = state()

    try:
        load_encoder(str(tiny_models["bert"]), max_length=32, backend=Backend.TORCH)
        after = state()
    finally:
        chatter.set_verbosity(usual)

    assert after == before
    assert capfd.readouterr() == ("", "")


def test_a_head_padded_past_the_tokenizer_has_distinct_names(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    for word in ("number", "question"):
        del tokenizer["model"]["vocab"][word]
    file.write_text(json.dumps(tokenizer))

    tokens = load_encoder(str(folder), max_length=32).tokens

    assert len(set(tokens)) == len(tokens)
    assert tokens[-1] == f"[no token {len(tokens) - 1}]"
