import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.errors import ConfigError
from lsr.eval.measures import parse_measures
from lsr.eval.official_measures import BEIR
from lsr.eval.published import (
    ALL,
    Places,
    Verdict,
    commands,
    lacks,
    publications,
    published_claims,
    select_claims,
    verdict,
)

OPENSEARCH = "opensearch-project/opensearch-neural-sparse-encoding"
MODELS = {
    *("naver/splade_v2_max", "naver/splade_v2_distil"),
    *("naver/splade-cocondenser-selfdistil", "naver/splade-cocondenser-ensembledistil"),
    *("naver/splade-v3", "naver/splade-v3-distilbert"),
    *("naver/splade-v3-lexical", "naver/splade-v3-doc"),
    *("naver/efficient-splade-V-large-doc", "naver/efficient-splade-VI-BT-large-doc"),
    *("prithivida/Splade_PP_en_v1", "prithivida/Splade_PP_en_v2"),
    "ibm-granite/granite-embedding-30m-sparse",
    *("rasyosef/splade-tiny", "rasyosef/splade-mini", "splade-tiny"),
    *(f"{OPENSEARCH}-v1", f"{OPENSEARCH}-v2-distill", f"{OPENSEARCH}-multilingual-v1"),
    *(f"{OPENSEARCH}-doc-v1", f"{OPENSEARCH}-doc-v2-distill", f"{OPENSEARCH}-doc-v2-mini"),
    *(f"{OPENSEARCH}-doc-v3-distill", f"{OPENSEARCH}-doc-v3-gte"),
}


@pytest.fixture(autouse=True)
def _no_collections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "none"))


def test_every_model_with_published_figures_is_listed() -> None:
    assert {one.model for one in publications().systems.values() if one.model} == MODELS


def test_a_model_without_figures_says_why() -> None:
    for claim in published_claims().values():
        if not claim.figures:
            assert publications().systems[claim.system].obstacle


def test_every_figure_names_a_collection_and_a_measure_that_exist() -> None:
    claims = [one for one in published_claims().values() if one.figures]

    assert len(claims) > 70
    for claim in claims:
        assert claim.name == f"{claim.system}/{claim.collection}"
        assert claim.collection in publications().collections
        assert len(parse_measures(" ".join(claim.measures))) == len(claim.measures)
        assert all(0 < figure.value < 1 and figure.source for figure in claim.figures)


def test_the_mean_over_beir_is_of_its_thirteen_public_collections() -> None:
    collections = publications().collections

    assert set(collections["beir-13"].mean_of) == set(BEIR) - {"cqadupstack"}
    for name in collections["beir-13"].mean_of:
        assert collections[name].irds is not None


def test_collections_have_the_ids_of_ir_datasets() -> None:
    ir_datasets = pytest.importorskip("ir_datasets")
    for one in publications().collections.values():
        if one.irds is not None:
            assert ir_datasets.load(one.irds).has_qrels(), one.irds


def test_a_baseline_is_measured_without_a_model(tmp_path: Path) -> None:
    (claim,) = select_claims("bm25/scifact")
    (tmp_path / "scifact").mkdir()
    places = Places(data=tmp_path)

    assert commands(claim, places) == [
        [
            *("lsr", "eval", "--dataset", str(tmp_path / "scifact"), "--split", "test"),
            *("--baseline", "bm25", "--measures", "nDCG@10 R@100"),
        ]
    ]
    assert not lacks(claim, places)


def test_names_are_taken_whole_or_by_how_they_begin() -> None:
    names = set(published_claims())

    assert [one.name for one in select_claims("splade-v3/scifact")] == ["splade-v3/scifact"]
    assert {one.name for one in select_claims("opensearch-doc")} == {
        name for name in names if re.match("opensearch-doc", name)
    }
    assert {one.name for one in select_claims(ALL)} == names


@pytest.mark.parametrize("wrong", ["splade-tyni/scifact", "tiny/scifact", "splade-tiny/sciface"])
def test_a_wrong_name_is_answered_with_near_ones(wrong: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"No figure of {wrong!r} is known; .*splade-tiny/scifac"
    ):
        select_claims(wrong)


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    for wrong in ("", "zzzz"):
        with pytest.raises(ConfigError, match="--list names all"):
            select_claims(wrong)


@pytest.mark.parametrize(
    ("published", "ours", "expected"),
    [
        (0.644, 0.644, Verdict.OK),
        (0.644, 0.6445, Verdict.OK),
        (0.644, 0.6435, Verdict.OK),
        (0.644, 0.64454, Verdict.OK),  # 0.6445 to four places
        (0.644, 0.6446, Verdict.OKISH),
        (0.644, 0.649, Verdict.OKISH),
        (0.644, 0.639, Verdict.OKISH),
        (0.644, 0.6491, Verdict.FAIL),
        (0.644, 0.1, Verdict.FAIL),
    ],
)
def test_a_verdict_is_given_by_the_difference(
    published: float, ours: float, expected: Verdict
) -> None:
    assert verdict(published, ours) is expected


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_verdict_counts_units_of_the_fourth_place(published: int, ours: int) -> None:
    units = abs(published - ours)
    expected = "ok" if units <= 5 else "okish" if units <= 50 else "fail"

    assert verdict(published / 10_000, ours / 10_000) == expected


def test_a_collection_is_named_by_its_id_its_folder_or_the_folder_that_is_given(
    tmp_path: Path,
) -> None:
    (claim,) = select_claims("splade-pp-ed/scifact")
    (tmp_path / "scifact").mkdir()
    model = ["--model", "naver/splade-cocondenser-ensembledistil"]
    tail = [*model, "--measures", "nDCG@10 R@100"]

    assert commands(claim, Places()) == [
        ["lsr", "eval", "--dataset", "beir/scifact/test", *tail],
    ]
    found = ["--dataset", str(tmp_path / "scifact"), "--split", "test"]
    assert commands(claim, Places(data=tmp_path)) == [["lsr", "eval", *found, *tail]]
    given_folder = ["--dataset", str(tmp_path), "--split", "test"]
    assert commands(claim, Places(dataset=tmp_path)) == [["lsr", "eval", *given_folder, *tail]]


def test_a_second_tower_is_named_unless_the_user_names_a_model() -> None:
    (claim,) = select_claims("efficient-splade-v/msmarco-dev")
    both = ["naver/efficient-splade-V-large-doc", "naver/efficient-splade-V-large-query"]

    (line,) = commands(claim, Places())
    assert [line[line.index(one) + 1] for one in ("--model", "--query-model")] == both
    (line,) = commands(claim, Places(model="mine"))
    assert line[line.index("--model") + 1] == "mine"
    assert "--query-model" not in line


def test_a_mean_takes_a_command_for_each_collection() -> None:
    (claim,) = select_claims("splade-v3/beir-13")

    lines = commands(claim, Places())

    assert len(lines) == 13
    assert len({line[line.index("--dataset") + 1] for line in lines}) == 13


def test_what_is_not_here_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (claim,) = select_claims("splade-v3/scifact")

    reasons = [one.reason for one in lacks(claim, Places())]
    assert len(reasons) == 2
    assert "naver/splade-v3 is not in the hub's local cache" in reasons[0]
    assert "accepted its terms" in reasons[0]
    assert reasons[1] == "beir/scifact/test is not here; ir_datasets can download it"

    assert [one.reason for one in lacks(claim, Places(model=str(tmp_path)))] == reasons[1:]
    assert lacks(claim, Places(model=str(tmp_path), dataset=tmp_path)) == []
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path))
    (tmp_path / "beir" / "scifact").mkdir(parents=True)
    assert len(lacks(claim, Places(model=str(tmp_path)))) == 1  # an empty folder is a failed one
    (tmp_path / "beir" / "scifact" / "corpus").touch()
    assert lacks(claim, Places(model=str(tmp_path))) == []


def test_what_cannot_be_fetched_is_told_from_what_can() -> None:
    (stored,) = select_claims("bm25/dl19-run")
    (coded,) = select_claims("opensearch-doc-v3-gte/beir-13")

    (absent,) = lacks(stored, Places())
    assert absent.reason == "there is no folder msmarco-dl19-dl20 below --data"
    assert not absent.fetchable
    (obstacle,) = lacks(coded, Places())
    assert "code" in obstacle.reason
    assert not obstacle.fetchable
    assert all(one.fetchable for one in lacks(select_claims("splade-v3/dl19")[0], Places()))


def test_a_folder_of_stored_rankings_must_hold_that_of_the_system(tmp_path: Path) -> None:
    (claim,) = select_claims("bm25/dl19-run")
    (tmp_path / "runs").mkdir()

    assert len(lacks(claim, Places(dataset=tmp_path))) == 1
    (tmp_path / "runs" / "dl19.bm25.trec.gz").touch()
    assert lacks(claim, Places(dataset=tmp_path)) == []
