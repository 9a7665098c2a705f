"""What do people ask? Questions to learn retrieval without a network for queries from.

Questions of SQuAD with the paragraphs that answer them, and development questions of MS MARCO,
whose passages are not at hand: a teacher ranks those of the slice of TREC DL 2019 and 2020 for
them. Questions that the slice is judged by are left out, and a question mark at the end, which
people seldom type.

Run as ``python tests/support/asked.py DATA FOLDER``; it writes a folder in BEIR's layout, whose
judgments are SQuAD's.
"""

import random
import sys
from pathlib import Path

import pyarrow.parquet as pq

from cast import records_of, write

N_SQUAD = 2500
N_PASSAGES = 10_000


def write_asked(data: Path, folder: Path) -> None:
    """Write documents, questions and judgments.

    Args:
        data: holds ``squad-dev``, ``msmarco-dl19-dl20`` and ``passages-300k``.
        folder: made.
    """
    drawn = random.Random(0)
    squad, slice_ = data / "squad-dev", data / "msmarco-dl19-dl20"
    passages = drawn.sample(list(records_of(slice_ / "corpus.jsonl.gz")), N_PASSAGES)
    corpus = [
        {**one, "_id": f"{prefix}-{one['_id']}"}
        for prefix, records in (
            ("squad", records_of(squad / "corpus.jsonl.gz")),
            ("marco", passages),
        )
        for one in records
    ]
    questions = drawn.sample(list(records_of(squad / "queries.jsonl.gz")), N_SQUAD)
    queries = [{"_id": f"squad-{one['_id']}", "text": _typed(one["text"])} for one in questions]
    tested = {_typed(one["text"]) for one in records_of(slice_ / "queries.jsonl.gz")}
    table = pq.read_table(
        data / "passages-300k" / "queries-msmarco.parquet", columns=["id", "text"]
    )
    queries += [
        {"_id": f"marco-{one['id']}", "text": _typed(one["text"])}
        for one in table.to_pylist()
        if _typed(one["text"]) not in tested
    ]
    kept = {one["_id"] for one in queries}
    rows = (squad / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    judged = [line.split("\t") for line in rows[1:]]
    (folder / "qrels").mkdir(parents=True)
    write(folder / "corpus.jsonl", corpus)
    write(folder / "queries.jsonl", queries)
    (folder / "qrels" / "train.tsv").write_text(
        "query-id\tcorpus-id\tscore\n"
        + "".join(
            f"squad-{query_id}\tsquad-{doc_id}\t{grade}\n"
            for query_id, doc_id, grade in judged
            if f"squad-{query_id}" in kept
        ),
        encoding="utf-8",
    )


def _typed(question: str) -> str:
    return question.strip().rstrip("?").strip()


if __name__ == "__main__":
    write_asked(*map(Path, sys.argv[1:]))
