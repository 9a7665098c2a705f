import numpy as np
import pytest

from lsr.errors import ConfigError, InvalidInputError
from lsr.index import Manifest, WeightType
from lsr.interchange.values import (
    MAX_QUERY_WORDS,
    Holds,
    ValueCode,
    repeated_terms,
    rounded,
    scale_of_queries,
)
from lsr.retrieval import Index
from lsr.sparse import SparseBatch


def manifest(index: Index) -> Manifest:
    return index.searcher.manifest


def test_impacts_leave_as_they_are(index: Index) -> None:
    code = ValueCode.of(manifest(index), "Tool", Holds.INTEGERS, None)
    impacts = np.array([1, 255], dtype=np.uint8)

    assert code == ValueCode("impacts", 3.0 / 255, None)
    assert code.code(impacts) is impacts


def test_weights_leave_as_they_are_where_they_can(float_index: Index) -> None:
    code = ValueCode.of(manifest(float_index), "Tool", Holds.FLOATS, None)
    weights = np.array([0.1, 2.5], dtype=np.float32)

    assert code == ValueCode("weights", 1.0, None)
    assert code.code(weights) is weights


def test_weights_are_rounded_to_a_named_scale_and_never_vanish(float_index: Index) -> None:
    code = ValueCode.of(manifest(float_index), "Tool", Holds.INTEGERS, 100.0)

    assert (code.kind, code.step, code.scale) == ("rounded weights", 0.01, 100.0)
    coded = code.code(np.array([0.001, 0.014, 1.0, 3e38], dtype=np.float32))
    assert coded.tolist() == [1, 1, 100, 1 << 62]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_is_above_zero(float_index: Index, index: Index, scale: float) -> None:
    for one in (index, float_index):
        with pytest.raises(ConfigError, match=r"--scale is .*, but must be above zero"):
            ValueCode.of(manifest(one), "Tool", Holds.FLOATS, scale)
    with pytest.raises(ConfigError, match="--query-scale is"):
        scale_of_queries(SparseBatch.from_rows([], 1), scale)


def test_impacts_are_not_scaled(index: Index) -> None:
    assert manifest(index).weights is WeightType.UINT8
    with pytest.raises(ConfigError, match="leave --scale out"):
        ValueCode.of(manifest(index), "Tool", Holds.FLOATS, 2.0)


def test_whole_numbers_need_a_scale(float_index: Index) -> None:
    with pytest.raises(ConfigError, match=r"Tool holds whole numbers.*--scale 100"):
        ValueCode.of(manifest(float_index), "Tool", Holds.INTEGERS, None)


@pytest.mark.parametrize(
    ("holds", "value", "expected"),
    [
        (Holds.INTEGERS, 2**31 - 1, True),
        (Holds.INTEGERS, 2**31, False),
        (Holds.NINE_BITS, 511, True),
        (Holds.NINE_BITS, 512, True),
        (Holds.NINE_BITS, 513, False),
        (Holds.NINE_BITS, 1022, True),
        (Holds.FLOATS, 2**24, True),
        (Holds.FLOATS, 2**24 + 1, False),
    ],
)
def test_a_tool_holds_some_numbers(holds: Holds, value: int, expected: bool) -> None:
    assert holds.holds(np.array([value])).tolist() == [expected]


@pytest.mark.parametrize(("weight", "expected"), [(0.75, True), (1.1, False), (2.0**-130, True)])
def test_nine_bits_hold_some_fractions(weight: float, expected: bool) -> None:
    assert Holds.NINE_BITS.holds(np.array([weight], dtype=np.float32)).tolist() == [expected]
    assert Holds.FLOATS.holds(np.array([weight], dtype=np.float32)).tolist() == [True]


def test_every_impact_is_held_by_everyone() -> None:
    impacts = np.arange(1, 256, dtype=np.uint8)

    assert all(one.holds(impacts).all() for one in Holds)


def test_whole_query_weights_need_no_scale() -> None:
    whole = SparseBatch.from_rows([[(0, 2.0)], []], 1)
    broken = SparseBatch.from_rows([[(0, 2.5)]], 1)

    assert scale_of_queries(whole, None) == 1.0
    assert scale_of_queries(broken, 10.0) == 10.0
    with pytest.raises(ConfigError, match=r"fractions.*--query-scale 100"):
        scale_of_queries(broken, None)


def test_terms_are_repeated_as_often_as_they_weigh() -> None:
    integers = rounded(np.array([1.5, 0.01], dtype=np.float32), 2.0)

    assert repeated_terms(["cat", "##x"], integers, "q") == "cat cat cat ##x"
    with pytest.raises(InvalidInputError, match="'q' would become more than 1,048,576 words"):
        repeated_terms(["cat"], np.array([MAX_QUERY_WORDS + 1]), "q")
