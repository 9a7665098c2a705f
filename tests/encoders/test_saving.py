import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsr.encoders import Backend, Encoder, Precision, load_encoder, save_encoder
from lsr.encoders.layouts import check_checkpoint
from lsr.encoders.model_card import ModelCard, read_model_card
from lsr.encoders.passages import Passages
from lsr.errors import InvalidInputError, UnsupportedModelError
from sparse_encoders import TEXTS, assert_agrees_with_peer, save_peer, splade_modules
from tiny_models import save_tiny_model

Copy = Callable[[], Path]
Tiny = dict[str, Path]


@pytest.fixture(scope="module")
def other_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("other") / "bert", seed=1)


def assert_same_everywhere(encoder: Encoder, folder: Path) -> Encoder:
    """Check that the library and we read from a folder what the encoder makes of texts."""
    again = assert_agrees_with_peer(folder)
    for before, after in (
        (encoder.encode_documents(TEXTS), again.encode_documents(TEXTS)),
        (encoder.encode_queries(TEXTS), again.encode_queries(TEXTS)),
    ):
        np.testing.assert_array_equal(before.to_scipy().toarray(), after.to_scipy().toarray())
    for name in ("max_length", "query_max_length"):
        assert again.settings.get(name) == encoder.settings.get(name)
    return again


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_one_network_lies_at_the_root(tiny_models: Tiny, tmp_path: Path, kind: str) -> None:
    encoder = load_encoder(str(tiny_models[kind]), max_length=24, precision=Precision.FLOAT32)

    folder = save_encoder(encoder, tmp_path / "model")

    assert_same_everywhere(encoder, folder)
    checkpoint = check_checkpoint(folder)
    assert checkpoint.documents == checkpoint.queries
    assert checkpoint.documents.folder == folder


def test_two_towers_lie_behind_a_router(
    tiny_models: Tiny, other_bert: Path, tmp_path: Path
) -> None:
    encoder = load_encoder(
        str(tiny_models["bert"]), query_model=str(other_bert), max_length=32, query_max_length=20
    )

    assert_same_everywhere(encoder, save_encoder(encoder, tmp_path / "model"))


def test_one_network_of_two_lengths_is_two_towers(tiny_models: Tiny, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), max_length=32, query_max_length=8)

    assert_same_everywhere(encoder, save_encoder(encoder, tmp_path / "model"))


def test_a_table_for_queries_keeps_what_special_tokens_weigh(
    tiny_models: Tiny, tmp_path: Path
) -> None:
    table = tmp_path / "idf.json"
    table.write_text(json.dumps({"water": 4.5, "the": 0.25, "q": 2.0, "ocean": 5.0, "[UNK]": 1.0}))
    encoder = load_encoder(str(tiny_models["bert"]), query_weights=table, max_length=32)

    again = assert_same_everywhere(encoder, save_encoder(encoder, tmp_path / "model"))

    asked = again.encode_queries(["water [SEP] \N{SNOWMAN}"])
    assert again.decode(asked) == [{"water": 4.5}]


def test_poolings_prompts_and_activations_are_kept(tiny_models: Tiny, tmp_path: Path) -> None:
    prompts = {"query": "question: ", "document": "letter, "}
    modules = splade_modules(tiny_models["bert"], "sum", "log1p_relu")
    peer = save_peer(tmp_path / "peer", modules, prompts=prompts, max_active_dims=20)
    encoder = load_encoder(str(peer), precision=Precision.FLOAT32)

    folder = save_encoder(encoder, tmp_path / "model")

    again = assert_same_everywhere(encoder, folder)
    assert not (folder / "router_config.json").exists()
    for side in ("documents", "queries"):
        assert again.settings[side] == encoder.settings[side]


def test_a_tokenizer_of_words_alone_is_enough(spoilt_copy: Copy, tmp_path: Path) -> None:
    """BERT's own files: a vocab.txt in place of a tokenizer.json."""
    folder = spoilt_copy()
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    table = tmp_path / "idf.json"
    table.write_text(json.dumps(dict.fromkeys(vocabulary, 1.5)))
    encoder = load_encoder(str(folder), query_weights=table)

    assert_same_everywhere(encoder, save_encoder(encoder, tmp_path / "saved"))


def test_the_card_passes_on_the_licence(spoilt_copy: Copy, tmp_path: Path) -> None:
    folder = spoilt_copy()
    card = "---\nlicense: cc-by-nc-sa-4.0\nbase_model: someone/base\nextra_gated_prompt: x\n---\n"
    (folder / "README.md").write_text(card)
    (folder / "LICENSE.txt").write_text("Share alike.")

    saved = save_encoder(load_encoder(str(folder)), tmp_path / "saved")

    found = read_model_card(saved)
    assert found == ModelCard(license="cc-by-nc-sa-4.0", base_models=("someone/base",))
    text = (saved / "README.md").read_text()
    assert "given only to users who accept its terms" in text
    assert str(folder) not in text  # no path of this machine
    assert (saved / "LICENSE.txt").read_text() == "Share alike."


def test_two_licences_are_both_passed_on(
    spoilt_copy: Copy, other_bert: Path, tmp_path: Path
) -> None:
    folder = spoilt_copy()
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    queries = tmp_path / "queries"
    queries.mkdir()
    for file in other_bert.iterdir():
        (queries / file.name).write_bytes(file.read_bytes())
    (queries / "README.md").write_text("---\nlicense: mit\n---\n")

    saved = save_encoder(load_encoder(str(folder), query_model=str(queries)), tmp_path / "saved")

    assert read_model_card(saved) == ModelCard(license="apache-2.0, mit")


def test_a_model_in_the_way_is_replaced_only_when_asked(
    tiny_models: Tiny, other_bert: Path, tmp_path: Path
) -> None:
    folder = save_encoder(load_encoder(str(tiny_models["bert"])), tmp_path / "model")
    other = load_encoder(str(other_bert))

    with pytest.raises(InvalidInputError, match="model exists"):
        save_encoder(other, folder)
    save_encoder(other, folder, replace=True)

    again = load_encoder(str(folder), backend=Backend.NATIVE)
    found = again.encode_queries(TEXTS).to_scipy() - other.encode_queries(TEXTS).to_scipy()
    assert found.nnz == 0


def test_sides_that_are_pruned_otherwise_are_not_saved(tiny_models: Tiny, tmp_path: Path) -> None:
    modules = splade_modules(tiny_models["bert"])
    pruned = save_peer(tmp_path / "pruned", modules, max_active_dims=5)
    encoder = load_encoder(str(pruned), query_model=str(tiny_models["bert"]))

    with pytest.raises(UnsupportedModelError, match="by top_k:5 and queries by None, but the"):
        save_encoder(encoder, tmp_path / "model")


def test_what_the_layout_has_no_words_for_is_not_saved(tiny_models: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_models["bert"], tmp_path / "splade-v3-lexical")

    with pytest.raises(UnsupportedModelError, match=r"'lexical': True.*has no words"):
        save_encoder(load_encoder(str(folder)), tmp_path / "model")


def test_passages_are_no_part_of_a_model(tiny_models: Tiny, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny_models["bert"]), passages=Passages())

    with pytest.raises(UnsupportedModelError, match="only models can be saved"):
        save_encoder(encoder, tmp_path / "model")

    assert not (tmp_path / "model").exists()
