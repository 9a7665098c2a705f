"""What of TREC CAsT can be judged on passages at hand? A folder in BEIR's layout.

The collections of CAsT are not at hand, but parts of what was judged are: MS MARCO passages of
another test collection (2019 and 2020), and the canonical responses that the topics of 2021 print,
each an excerpt of a document that was judged as a whole. Together they make one corpus, in which
the passages that belong to neither year are what a search must pass over. A split a year holds the
turns that keep a relevant document: 17 of 173, 8 of 208 and 147 of 158.

Topics are lines of JSON, a turn each: topic, turn, history (what the user said before), utterance,
rewrite (by the track's people) and, in 2021, response and canonical_result_id.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

QRELS = {
    "2019": "cast2019-eval.qrels",
    "2020": "cast2020-eval.qrels",
    "2021": "cast2021-eval.docs.qrels",
}


def write_cast(data: Path, folder: Path) -> None:
    """Write corpus, conversations, rewrites and judgments.

    Args:
        data: holds ``conversations`` and ``msmarco-dl19-dl20``.
        folder: made.
    """
    topics = {
        year: list(records_of(data / "conversations" / f"cast{year}-eval.jsonl.gz"))
        for year in QRELS
    }
    corpus = {
        f"MARCO_{one['_id']}": one["text"]
        for one in records_of(data / "msmarco-dl19-dl20" / "corpus.jsonl.gz")
    }
    responses: dict[str, dict[str, None]] = {}  # distinct, in order
    for turn in topics["2021"]:
        responses.setdefault(turn["canonical_result_id"], {})[turn["response"]] = None
    corpus.update({doc_id: "\n".join(texts) for doc_id, texts in responses.items()})
    turns = [turn for year in topics.values() for turn in with_replies(year)]

    (folder / "qrels").mkdir(parents=True)
    write(folder / "corpus.jsonl", [{"_id": key, "text": text} for key, text in corpus.items()])
    write(
        folder / "queries.jsonl",
        [
            {"_id": id_of_turn(turn), "turns": [*turn["history"], turn["utterance"]]}
            for turn in turns
        ],
    )
    write(
        folder / "queries.rewrite.jsonl",
        [{"_id": id_of_turn(turn), "text": turn["rewrite"]} for turn in turns],
    )
    for year, name in QRELS.items():
        lines = (data / "conversations" / "qrels" / name).read_text().splitlines()
        judged = [line.split() for line in lines]
        present = [one for one in judged if one[2] in corpus]
        answered = {one[0] for one in present if int(one[3]) > 0}
        kept = [" ".join(one) for one in present if one[0] in answered]
        (folder / "qrels" / f"cast{year}.tsv").write_text("\n".join(kept))


def with_replies(turns: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Put the responses, where a year has them, between what the user said before."""
    replies: dict[tuple[str, str], str] = {}
    for turn in turns:
        history = []
        for said in turn["history"]:
            reply = replies.get((turn["topic"], said))
            history += [f"user: {said}"] + ([f"assistant: {reply}"] if reply else [])
        yield {**turn, "history": history}
        if "response" in turn:
            replies[turn["topic"], turn["utterance"]] = turn["response"]


def id_of_turn(turn: dict[str, Any]) -> str:
    return f"{turn['topic']}_{turn['turn']}"


def records_of(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def write(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    write_cast(*map(Path, sys.argv[1:]))
