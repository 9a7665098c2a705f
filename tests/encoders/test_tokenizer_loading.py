import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lsr.encoders.tokenizer_loading import load_tokenizer
from lsr.errors import ModelNotFoundError, UnsupportedModelError
from tiny_models import add_router, word_piece_tokenizer


def test_a_folder_with_a_tokenizer_alone_is_enough(tmp_path: Path) -> None:
    word_piece_tokenizer().save(str(tmp_path / "tokenizer.json"))

    found = load_tokenizer(str(tmp_path))

    assert found.model == str(tmp_path)
    assert found.special == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    assert list(found.ids.values()) == list(range(len(found.ids)))
    assert found.ids == word_piece_tokenizer().get_vocab()


def test_weights_are_not_read(spoilt_copy: Callable[[], Path]) -> None:
    folder = spoilt_copy()
    (folder / "model.safetensors").write_bytes(b"")

    assert "ocean" in load_tokenizer(str(folder)).ids


def test_the_tokenizer_may_lie_with_the_document_model(
    spoilt_copy: Callable[[], Path], tmp_path: Path
) -> None:
    part = spoilt_copy()
    folder = tmp_path / "routed"
    folder.mkdir()
    structure = {"query": ["query_0"], "document": ["document_0_MLMTransformer", "document_1"]}
    add_router(folder, structure)
    router = folder / "router_config.json"
    kinds = '"types": {"document_0_MLMTransformer": "MLMTransformer", '
    router.write_text(router.read_text().replace('"types": {', kinds))
    (folder / "query_0" / "model.safetensors").write_bytes(b"")
    shutil.copytree(part, folder / "document_0_MLMTransformer")

    assert "ocean" in load_tokenizer(str(folder)).ids


def test_a_folder_without_one_is_refused(tmp_path: Path, spoilt_copy: Callable[[], Path]) -> None:
    with pytest.raises(ModelNotFoundError, match="no model"):
        load_tokenizer(str(tmp_path))
    folder = spoilt_copy()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UnsupportedModelError, match="holds no tokenizer"):
        load_tokenizer(str(folder))
