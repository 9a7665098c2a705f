import pytest

from lsr.eval.measures import DEFAULT_MEASURES, parse_measures
from lsr.eval.official_measures import official_measures

DL = "nDCG@10 AP(rel=2)@1000 R(rel=2)@1000"
DL_V2 = "nDCG@10 RR(rel=2)@100 AP(rel=2)@100 R(rel=2)@100"


@pytest.mark.parametrize(
    ("dataset", "measures"),
    [
        ("beir/nfcorpus/test", "nDCG@10 R@100"),
        ("SciFact/test", "nDCG@10 R@100"),
        ("beir/msmarco/dev", "nDCG@10 R@100"),
        ("msmarco-passage/dev/small", "RR@10 R@1000"),
        ("msmarco-passage-v2/dev1", "RR@10 R@1000"),
        ("msmarco-passage/trec-dl-2019/judged", DL),
        ("msmarco-passage/trec-dl-2020", DL),
        ("msmarco-dl19-dl20/dl20.full", DL),
        ("msmarco-passage-v2/trec-dl-2021/judged", DL_V2),
        ("mine/dl23", DL_V2),
        ("msmarco-passage/trec-dl-hard/fold1", "nDCG@10 RR(rel=2)@10"),
        ("mine/test", DEFAULT_MEASURES),
        ("scifacts/test", DEFAULT_MEASURES),
        ("dl1999/test", DEFAULT_MEASURES),
    ],
)
def test_knows_collections_by_parts_of_their_names(dataset: str, measures: str) -> None:
    assert official_measures(dataset) == measures


@pytest.mark.parametrize("measures", [DL, DL_V2, "RR@10 R@1000"])
def test_all_of_them_can_be_computed(measures: str) -> None:
    assert [str(one) for one in parse_measures(measures)] == measures.split()
