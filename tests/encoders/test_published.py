import json
import shutil
from pathlib import Path

import numpy as np

from lsr.encoders import load_encoder, save_encoder
from sparse_encoders import (
    TEXTS,
    TOLERANCE,
    assert_agrees_with_peer,
    save_peer,
    splade_formula,
    splade_modules,
)

Tiny = dict[str, Path]


def test_the_l0_activation_is_known_by_the_name_of_models_that_do_not_say_so(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    """log(1 + log(1 + max(0, largest logit)))."""
    name = "opensearch-neural-sparse-encoding-doc-v3-distill"
    folder = shutil.copytree(tiny_models["distilbert"], tmp_path / name)
    (folder / "idf.json").write_text(json.dumps({"water": 1.5}))

    encoder = load_encoder(str(folder))

    found = encoder.encode_documents(TEXTS).to_scipy().toarray()
    expected = splade_formula(folder, TEXTS, saturation=2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert encoder.decode(encoder.encode_queries(["water"])) == [{"water": 1.5}]


def test_splade_doc_asks_with_the_presence_of_tokens(tiny_models: Tiny, tmp_path: Path) -> None:
    """1 for every token of a query, however often it occurs; 0 for special tokens."""
    folder = shutil.copytree(tiny_models["bert"], tmp_path / "splade-v3-doc")

    encoder = load_encoder(str(folder))

    asked = encoder.encode_queries(["Water of the water [SEP] \N{SNOWMAN}"])
    assert encoder.decode(asked) == [{"of": 1.0, "the": 1.0, "water": 1.0}]
    found = encoder.encode_documents(TEXTS).to_scipy().toarray()
    np.testing.assert_allclose(found, splade_formula(folder, TEXTS), rtol=0, atol=TOLERANCE)
    assert_agrees_with_peer(save_encoder(encoder, tmp_path / "saved"))


def test_splade_lexical_does_not_expand_queries(tiny_models: Tiny, tmp_path: Path) -> None:
    """A query's weights times its bag of words; documents are expanded."""
    folder = shutil.copytree(tiny_models["bert"], tmp_path / "splade-v3-lexical")
    encoder = load_encoder(str(folder))
    words = ["the", "water", "of", "ocean"]
    query = "The water of the ocean"

    found = encoder.encode_queries([query]).to_scipy().toarray()

    own = np.isin(encoder.tokens, words)
    expected = splade_formula(folder, [query]) * own
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    documents = encoder.encode_documents([query]).to_scipy().toarray()
    assert (documents[:, ~own] > 0).any()


def test_files_that_say_it_themselves_are_believed(tiny_models: Tiny, tmp_path: Path) -> None:
    folder = save_peer(tmp_path / "splade-v3-doc", splade_modules(tiny_models["bert"]))

    assert_agrees_with_peer(folder)
