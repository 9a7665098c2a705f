"""Every recipe that is shipped is one: it can be read, names its source, and its method exists."""

from pathlib import Path

import pytest

from lsr.encoders.named_methods import method_named
from lsr.training.recipe_file import read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_read_and_says_where_it_is_from(path: Path) -> None:
    recipe = read_recipe(path)

    assert recipe.source
    assert recipe.published
    if recipe.model.method is not None:
        method_named(recipe.model.method)


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 9
