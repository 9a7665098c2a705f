from pathlib import Path

import pytest

from lsr.compression import Method, Recentring, Structure, read_recipe
from lsr.compression.recipe import Layers
from lsr.errors import ConfigError

WHOLE = """
model = "splade-tiny"
seed = 3
recentring = "terms"
[calibration]
documents = "texts.jsonl"
queries = "queries.jsonl"
[layers]
method = "wanda"
pattern = "4x1"
sparsity = 0.5
corrects_bias = false
[vocabulary]
documents = "texts.jsonl"
share = 0.25
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_is_read(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, WHOLE))

    assert recipe.layers is not None
    assert recipe.vocabulary is not None
    assert (recipe.model, recipe.seed, recipe.recentring) == ("splade-tiny", 3, Recentring.TERMS)
    assert (recipe.layers.method, recipe.layers.sparsity) == (Method.WANDA, 0.5)
    assert recipe.vocabulary.share == 0.25


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    same = read_recipe(written(tmp_path, WHOLE + "\n# a comment\n"))
    other = read_recipe(written(tmp_path, WHOLE.replace("0.25", "0.3")))

    assert same.digest == read_recipe(written(tmp_path, WHOLE)).digest
    assert other.digest != same.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sead = 3", "unknown field `sead`"),
        ('"wanda"', '"lottery"', "Invalid enum value 'lottery'"),
        ('"4x1"', '"3x1"', "The pattern '3x1' is not one of"),
        ("sparsity = 0.5", "", "The sparsity is None"),
        ('"wanda"', '"random"\nexchanges = true', "exchanges what the method random removed"),
        ("sparsity = 0.5", "sparsity = 0.8", "removes 80% of the layers without training"),
        ("share = 0.25", "share = 1.0", "share"),
        ("seed = 3", "seed = ", "is no TOML"),
        ("seed = 3", "structure.heads = -1", "structure.heads"),
        ("seed = 3", "structure.neurons = 1.0", "structure.neurons"),
        ("seed = 3", "structure.neurons = 0.0", r"\[structure\] removes nothing"),
        ('[calibration]\ndocuments = "texts.jsonl"\nqueries = "queries.jsonl"', "", "calibration"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused_in_one_sentence(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in WHOLE
    path = written(tmp_path, WHOLE.replace(old, new))

    with pytest.raises(ConfigError, match=message) as caught:
        read_recipe(path)

    assert str(path) in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_recipe_that_removes_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="removes nothing"):
        read_recipe(written(tmp_path, 'model = "splade-tiny"'))


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        read_recipe(tmp_path / "none.toml")


def test_parts_are_chosen_by_texts_and_layers_stay_comparable(tmp_path: Path) -> None:
    start = 'model = "splade-tiny"\n'

    with pytest.raises(ConfigError, match=r"needs \[calibration\] with documents"):
        read_recipe(written(tmp_path, start + "[structure]\nheads = 1"))
    texts = '[calibration]\ndocuments = "a.jsonl"\n[training]\ndocuments = "a.jsonl"\n'
    with pytest.raises(ConfigError, match="training compares states layer by layer"):
        read_recipe(written(tmp_path, start + texts + "[structure]\nlayers = 1"))
    recipe = read_recipe(written(tmp_path, start + texts + "[structure]\nheads = 1"))

    assert recipe.structure == Structure(heads=1)


@pytest.mark.parametrize(
    ("layers", "reads"),
    [
        (Layers(method=Method.RANDOM, corrects_bias=False), False),
        (Layers(method=Method.MAGNITUDE, corrects_bias=False), False),
        (Layers(method=Method.MAGNITUDE, corrects_bias=True), True),
        (Layers(method=Method.MAGNITUDE, corrects_bias=False, exchanges=True), True),
        (Layers(method=Method.WANDA, corrects_bias=False), True),
        (Layers(method=Method.SPARSE_GPT, corrects_bias=False), True),
    ],
)
def test_inputs_are_read_where_something_depends_on_them(layers: Layers, reads: bool) -> None:
    assert layers.reads_inputs is reads


def test_more_can_be_removed_where_what_is_left_is_trained(tmp_path: Path) -> None:
    text = WHOLE.replace("0.5", "0.9").replace('"wanda"', '"gradual"')

    with pytest.raises(ConfigError, match=r"add \[training\]"):
        read_recipe(written(tmp_path, text))
    recipe = read_recipe(written(tmp_path, text + '[training]\ndocuments = "texts.jsonl"\n'))

    assert recipe.training is not None
    assert recipe.training.steps == 2000
    back = text.replace('"gradual"', '"wanda"')
    back += '[training]\ndocuments = "texts.jsonl"\nremoved = "sr-ste"\n'
    with pytest.raises(ConfigError, match="come back by sr-ste, which only gradual pruning does"):
        read_recipe(written(tmp_path, back))
    text += '[training]\ndocuments = "texts.jsonl"\nmembers = 3\n'
    with pytest.raises(ConfigError, match="the mean of 3 trainings, but each would choose"):
        read_recipe(written(tmp_path, text))


def test_a_pattern_that_takes_as_much_of_every_matrix_has_no_other_allocation(
    tmp_path: Path,
) -> None:
    text = WHOLE.replace('"4x1"', '"2:4"').replace("sparsity = 0.5", 'allocation = "erk"')

    with pytest.raises(ConfigError, match="has the allocation uniform, not erk"):
        read_recipe(written(tmp_path, text))
