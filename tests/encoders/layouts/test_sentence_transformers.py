import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.encoders import load_encoder
from lsr.encoders.layouts import check_checkpoint
from lsr.errors import ModelNotFoundError, UnsupportedModelError
from sparse_encoders import (
    TEXTS,
    assert_agrees_with_peer,
    routed,
    save_peer,
    splade_modules,
    static_module,
)
from tiny_models import POSITIONS, ROUTES, add_router, save_tiny_model

Copy = Callable[[], Path]
Tiny = dict[str, Path]


def random_weights(n_terms: int) -> Any:
    return np.random.default_rng(3).random(n_terms, dtype=np.float32)


@pytest.fixture(scope="module")
def other_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("other") / "bert", seed=1)


def refusal(folder: Path) -> str:
    with pytest.raises((ModelNotFoundError, UnsupportedModelError)) as caught:
        check_checkpoint(folder)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
def test_one_tower_of_every_pooling_and_activation(
    tiny_models: Tiny, tmp_path: Path, pooling: str, activation: str
) -> None:
    modules = splade_modules(tiny_models["bert"], pooling, activation)

    encoder = assert_agrees_with_peer(save_peer(tmp_path / "model", modules))

    assert encoder.settings["documents"] == encoder.settings["queries"]


@pytest.mark.parametrize("kind", ["distilbert", "roberta"])
def test_one_tower_of_other_architectures(tiny_models: Tiny, tmp_path: Path, kind: str) -> None:
    folder = save_peer(tmp_path / "model", splade_modules(tiny_models[kind]))

    # The library lets a RoBERTa read two tokens more than it has positions for.
    assert_agrees_with_peer(folder, TEXTS[:2], TEXTS[:2])


def test_two_towers_behind_a_router(tiny_models: Tiny, other_bert: Path, tmp_path: Path) -> None:
    query = splade_modules(other_bert, "sum")
    modules = routed(query, splade_modules(tiny_models["bert"]))

    encoder = assert_agrees_with_peer(save_peer(tmp_path / "model", modules))

    assert encoder.settings["queries"]["weighting"]["pooling"] == "sum"
    assert encoder.encode_queries(TEXTS).nnz != encoder.encode_documents(TEXTS).nnz


def test_routes_may_share_their_modules(tiny_models: Tiny, tmp_path: Path) -> None:
    modules = splade_modules(tiny_models["bert"])

    folder = save_peer(tmp_path / "model", routed(modules, modules))

    checkpoint = check_checkpoint(folder)
    assert checkpoint.queries == checkpoint.documents
    assert_agrees_with_peer(folder)


def test_a_table_for_queries_behind_a_router(tiny_models: Tiny, tmp_path: Path) -> None:
    folder = tiny_models["bert"]
    n_terms = len(load_encoder(str(folder)).tokens)
    query = [static_module(folder, random_weights(n_terms))]

    modules = routed(query, splade_modules(folder, activation="log1p_relu"))
    assert_agrees_with_peer(save_peer(tmp_path / "model", modules))


def test_tables_may_weight_both_sides(tiny_models: Tiny, tmp_path: Path) -> None:
    n_terms = len(load_encoder(str(tiny_models["bert"])).tokens)
    table = [static_module(tiny_models["bert"], random_weights(n_terms))]

    assert_agrees_with_peer(save_peer(tmp_path / "model", routed(table, table)))


def test_special_tokens_in_a_text_weigh_what_the_library_gives_them(
    tiny_models: Tiny, tmp_path: Path
) -> None:
    """Unlike in a table beside a masked-language model, where they weigh nothing."""
    folder = tiny_models["bert"]
    tokens = load_encoder(str(folder)).tokens
    query = [static_module(folder, np.ones(len(tokens), np.float32))]
    model = save_peer(tmp_path / "model", routed(query, splade_modules(folder)))

    encoder = assert_agrees_with_peer(model, TEXTS, ["water [SEP] \N{SNOWMAN} ocean"])

    (found,) = encoder.decode(encoder.encode_queries(["water [SEP] \N{SNOWMAN} ocean"]))
    assert found == dict.fromkeys(["[SEP]", "[UNK]", "ocean", "water"], 1.0)


def test_prompts_stand_before_the_texts_of_their_side(tiny_models: Tiny, tmp_path: Path) -> None:
    prompts = {"query": "question: ", "document": "letter, ", "cluster": "group: "}

    folder = save_peer(tmp_path / "model", splade_modules(tiny_models["bert"]), prompts=prompts)

    encoder = assert_agrees_with_peer(folder)
    assert encoder.settings["queries"]["prefix"] == "question: "
    assert encoder.settings["documents"]["prefix"] == "letter, "


def test_a_prompt_stands_before_what_a_table_weights(tiny_models: Tiny, tmp_path: Path) -> None:
    folder = tiny_models["bert"]
    n_terms = len(load_encoder(str(folder)).tokens)
    query = [static_module(folder, random_weights(n_terms))]
    modules = routed(query, splade_modules(folder))

    assert_agrees_with_peer(save_peer(tmp_path / "m", modules, prompts={"query": "question: "}))


def test_a_model_may_keep_the_heaviest_weights_only(tiny_models: Tiny, tmp_path: Path) -> None:
    folder = tiny_models["bert"]
    n_terms = len(load_encoder(str(folder)).tokens)
    modules = routed([static_module(folder, random_weights(n_terms))], splade_modules(folder))

    encoder = assert_agrees_with_peer(save_peer(tmp_path / "model", modules, max_active_dims=5))

    assert encoder.encode_documents(TEXTS).active_dims.max() == 5
    assert encoder.encode_queries(TEXTS).active_dims.max() == 5


@pytest.mark.parametrize("length", [None, 20])
def test_texts_are_cut_where_the_library_cuts_them(
    tiny_models: Tiny, tmp_path: Path, length: int | None
) -> None:
    long = "water of the ocean and an island in the river " * 20
    transformer, pooling = splade_modules(tiny_models["bert"])
    transformer.max_seq_length = length
    folder = save_peer(tmp_path / "model", [transformer, pooling])

    encoder = assert_agrees_with_peer(folder, [long], [long])

    assert encoder.settings["max_length"] == (length or POSITIONS)


def test_a_table_cuts_queries_where_the_library_cuts_them(
    tiny_models: Tiny, tmp_path: Path
) -> None:
    folder = tiny_models["bert"]
    n_terms = len(load_encoder(str(folder)).tokens)
    table = static_module(folder, random_weights(n_terms))
    table.tokenizer.model_max_length = 6
    model = save_peer(tmp_path / "model", routed([table], splade_modules(folder)))

    encoder = assert_agrees_with_peer(model, TEXTS, ["a b c d e f g h i j"])

    assert encoder.settings["query_max_length"] == 6


def test_older_files_are_read_as_the_library_reads_them(spoilt_copy: Copy) -> None:
    """Modules at the root, by classes that have moved, and options by keys that were renamed."""
    folder = spoilt_copy()
    package = "sentence_transformers.sparse_encoder.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{package}.MLMTransformer"},
        {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": f"{package}.SpladePooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "SparseEncoder"}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 24}')
    (folder / "1_SpladePooling").mkdir()
    pooling = {"pooling_strategy": "sum", "word_embedding_dimension": None}
    (folder / "1_SpladePooling" / "config.json").write_text(json.dumps(pooling))

    encoder = assert_agrees_with_peer(folder)

    assert encoder.settings["max_length"] == 24


def with_router(folder: Path) -> Path:
    """Make a tiny BERT one whose modules lie at the root and whose table is a file of JSON."""
    tokens = load_encoder(str(folder)).tokens
    add_router(folder, ROUTES)
    weights = dict(zip(tokens, random_weights(len(tokens)).tolist(), strict=True))
    table = folder / "query_0" / "idf.json"
    table.write_text(json.dumps(weights))
    (folder / "query_0" / "config.json").write_text(json.dumps({"path": str(table)}))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "query_0" / name).write_bytes((folder / name).read_bytes())
    return folder


def test_modules_without_an_id_lie_at_the_root(spoilt_copy: Copy) -> None:
    assert_agrees_with_peer(with_router(spoilt_copy()))


def test_the_table_of_a_route_may_lie_at_the_root(spoilt_copy: Copy, tmp_path: Path) -> None:
    folder = with_router(spoilt_copy())
    (folder / "query_0" / "idf.json").rename(folder / "idf.json")
    (folder / "query_0" / "config.json").write_text('{"path": "someone/model/idf.json"}')

    assert check_checkpoint(folder).queries.table == folder / "idf.json"


def test_a_router_may_be_described_in_config_json(tiny_models: Tiny, tmp_path: Path) -> None:
    modules = splade_modules(tiny_models["bert"])
    folder = save_peer(tmp_path / "model", routed(modules, modules))
    (folder / "router_config.json").rename(folder / "config.json")

    assert_agrees_with_peer(folder)


def test_the_table_had_another_class_once(spoilt_copy: Copy) -> None:
    folder = with_router(spoilt_copy())
    file = folder / "router_config.json"
    file.write_text(file.read_text().replace("SparseStaticEmbedding", "IDF"))

    assert check_checkpoint(folder).queries.table == folder / "query_0" / "idf.json"


@pytest.mark.parametrize(
    ("structure", "named"),
    [
        ({**ROUTES, "query": []}, "describes nothing"),
        ({"query": ["query_0"]}, "describes nothing"),
        ({**ROUTES, "document": ["document_1"]}, "describes SpladePooling"),
        ({**ROUTES, "query": ["../query_0"]}, "leaves the model's folder"),
        (ROUTES, "holds no model.safetensors with the weights of terms"),
        ("query_0", "must hold the objects 'types' and 'structure'"),
    ],
)
def test_other_routes_are_refused_by_name(spoilt_copy: Copy, structure: Any, named: str) -> None:
    assert named in refusal(add_router(spoilt_copy(), structure))


def test_a_router_without_its_file(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    (folder / "router_config.json").unlink()
    (folder / "config.json").unlink()

    assert "names a router, but" in refusal(folder)


def test_tasks_that_are_mapped_to_other_routes(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    file = folder / "router_config.json"
    mapped = {**json.loads(file.read_text()), "parameters": {"route_mappings": {"a": "query"}}}
    file.write_text(json.dumps(mapped))

    assert "maps tasks to routes ({'a': 'query'})" in refusal(folder)


def test_a_pickled_table_is_not_opened(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    (folder / "query_0" / "pytorch_model.bin").touch()

    assert "pytorch_model.bin can hold code and is never loaded" in refusal(folder)


def test_a_table_that_is_named_but_absent(spoilt_copy: Copy) -> None:
    folder = add_router(spoilt_copy(), ROUTES)
    (folder / "query_0" / "config.json").write_text('{"path": "idf.json"}')

    assert "names the table 'idf.json', which is not in the model's folder" in refusal(folder)
