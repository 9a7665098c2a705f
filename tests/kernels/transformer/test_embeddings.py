import numpy as np
import pytest
from hypothesis import given, settings

from lsr.errors import InvalidInputError
from lsr.kernels.transformer import EmbeddingTables, embed, embed_reference, new_activations
from transformer_inputs import normal, seeds, sizes


def tables_of(seed: int, n_features: int) -> EmbeddingTables:
    words, positions, types = (
        normal(seed + place, n_rows, n_features) for place, n_rows in enumerate((50, 30, 2))
    )
    return EmbeddingTables(
        words, positions, types, normal(seed + 3, n_features), normal(seed + 4, n_features)
    )


@given(seeds, sizes, sizes)
@settings(deadline=None, max_examples=40)
def test_equals_reference(seed: int, n_features: int, n_tokens: int) -> None:
    tables = tables_of(seed, n_features)
    random = np.random.default_rng(seed)
    words, positions, types = (random.integers(0, n, n_tokens) for n in (50, 30, 2))
    out = new_activations(n_features, n_tokens)

    embed(tables, words, positions, types, 1e-5, out)

    expected = embed_reference(tables, words, positions, types, 1e-5)
    tolerance = 1e-4 if n_features < 8 else 1e-5
    np.testing.assert_allclose(out[:, :n_tokens], expected, rtol=1e-5, atol=tolerance)
    assert np.isfinite(out).all()


@pytest.mark.parametrize(("name", "place", "id_"), [("word", 0, 50), ("position", 1, -1)])
def test_an_id_outside_its_table_is_refused(name: str, place: int, id_: int) -> None:
    ids = np.zeros((3, 3), dtype=np.int64)
    ids[place, 1] = id_

    with pytest.raises(InvalidInputError, match=f"the {name} id {id_}, but the model's table has"):
        embed(tables_of(1, 8), ids[0], ids[1], ids[2], 1e-5, new_activations(8, 3))
