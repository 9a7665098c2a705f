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

from lsr.encoders import Precision, load_encoder
from lsr.errors import ConfigError, MissingDependencyError, UnsupportedModelError
from tiny_models import POSITIONS

Copy = Callable[[], Path]


def change_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def change_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def refusal(folder: Path) -> str:
    with pytest.raises(UnsupportedModelError) as caught:
        load_encoder(str(folder), max_length=32)
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
        load_encoder(str(tiny_models["bert"]))


def test_weights_without_the_head_are_refused(spoilt_copy: Copy) -> None:
    def drop_head(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.startswith("cls.")]:
            del tensors[name]

    message = refusal(change_weights(spoilt_copy(), drop_head))

    assert "so its output would be random" in message
    assert "'cls.predictions" in message


def test_nan_in_the_weights_is_refused(spoilt_copy: Copy) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["bert.encoder.layer.1.output.dense.weight"][3, 4] = float("nan")

    message = refusal(change_weights(spoilt_copy(), spoil))

    assert "NaN or infinite values in 'bert.encoder.layer.1.output.dense.weight'" in message


@pytest.mark.parametrize("header_bytes", [1 << 40, 8])
def test_a_lying_safetensors_header_is_refused(spoilt_copy: Copy, header_bytes: int) -> None:
    folder = spoilt_copy()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", header_bytes) + file.read_bytes()[8:])

    assert "weights" in refusal(folder)


def test_cut_weights_are_refused(spoilt_copy: Copy) -> None:
    folder = spoilt_copy()
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])

    assert "weights" in refusal(folder)


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
    ("kind", "longest"), [("bert", POSITIONS), ("distilbert", POSITIONS), ("roberta", 62)]
)
def test_texts_as_long_as_the_positions_and_no_longer(
    tiny_models: dict[str, Path], kind: str, longest: int
) -> None:
    encoder = load_encoder(str(tiny_models[kind]), max_length=longest)
    assert encoder.encode_documents(["river ocean " * 100]).nnz > 0

    with pytest.raises(ConfigError, match=rf"takes 1 to {longest} tokens\.$"):
        load_encoder(str(tiny_models[kind]), max_length=longest + 1)


@pytest.mark.parametrize("max_length", [0, -1])
def test_max_length_must_be_positive(tiny_models: dict[str, Path], max_length: int) -> None:
    with pytest.raises(ConfigError, match=f"max_length is {max_length}"):
        load_encoder(str(tiny_models["bert"]), max_length=max_length)


def test_an_unknown_precision_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="'int4' is not one of auto, float32, bfloat16"):
        load_encoder("anything", precision="int4")  # type: ignore[arg-type]


def test_automatic_precision_is_recorded_as_what_it_became(tiny_models: dict[str, Path]) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), max_length=32)

    assert encoder.settings["precision"] == Precision.AUTO.resolved().value != "auto"


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
        load_encoder(str(tiny_models["bert"]), max_length=32)
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
