"""Which measures do papers give for a collection? Those of its own organizers.

Sources: BEIR, Thakur et al., NeurIPS 2021 (nDCG@10, and R@100 beside it); the leaderboard of MS
MARCO passage ranking (RR@10), whose retrieval papers add R@1000; the overviews of the TREC Deep
Learning track (nDCG@10, and binary measures that count grades from 2 as relevant); DL-HARD, Mackie
et al., SIGIR 2021 (nDCG@10, RR). From 2021 on, runs of Deep Learning are judged to depth 100.
"""

from __future__ import annotations

import re

from lsr.eval.measures import DEFAULT_MEASURES

BEIR = (
    *("arguana", "climate-fever", "cqadupstack", "dbpedia-entity", "fever", "fiqa", "hotpotqa"),
    *("nfcorpus", "nq", "quora", "scidocs", "scifact", "trec-covid", "webis-touche2020"),
)
"""Collections of BEIR that anybody can download, but for MS MARCO, by their names there."""

_OFFICIAL = (
    (r"(trec-?)?dl-?hard", "nDCG@10 RR(rel=2)@10"),
    (r"(trec-)?dl-?(20)?(19|20)", "nDCG@10 AP(rel=2)@1000 R(rel=2)@1000"),
    (r"(trec-)?dl-?(20)?2[1-3]", "nDCG@10 RR(rel=2)@100 AP(rel=2)@100 R(rel=2)@100"),
    (r"msmarco-passage(-v2)?/dev[12]?", "RR@10 R@1000"),
    (rf"beir|{'|'.join(BEIR)}", "nDCG@10 R@100"),
)
"""The first one whose pattern is a part of a dataset's name, between any of ``/ _ . -``, holds."""


def official_measures(dataset: str) -> str:
    """Return the measures of a dataset, the usual ones where it is not known.

    Args:
        dataset: its id in ir_datasets, or the names of its folder and of its split.

    Example:
        >>> official_measures("msmarco-passage/trec-dl-2019/judged")
        'nDCG@10 AP(rel=2)@1000 R(rel=2)@1000'
        >>> official_measures("scifact/test")
        'nDCG@10 R@100'
        >>> official_measures("mine/test")
        'nDCG@10 R@100 RR@10'
    """
    for pattern, measures in _OFFICIAL:
        if re.search(rf"(^|[/_.-])({pattern})($|[/_.-])", dataset.lower()):
            return measures
    return DEFAULT_MEASURES
