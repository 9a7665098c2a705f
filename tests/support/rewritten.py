"""From which turns can a tower of queries learn what people made of them? Turns with rewrites.

Conversations of TREC CAsT 2019 to 2022, TREC iKAT 2023 to 2025 and MT-RAG, of which a person has
rewritten each question so that it stands by itself; those of MT-RAG that mtrag-mini asks about are
left out, for testing. The documents are those of mtrag-mini, passages of MS MARCO and the responses
that the conversations print.

Run as ``python tests/support/rewritten.py DATA FOLDER``; it writes corpus.jsonl,
conversations.jsonl and rewrites.jsonl.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cast import id_of_turn, records_of, with_replies, write

N_PASSAGES = 4000
"""Of MS MARCO, drawn at random."""


def write_rewritten(data: Path, folder: Path) -> None:
    """Write documents, conversations and rewrites.

    Args:
        data: holds ``conversations``, ``mtrag-mini`` and ``msmarco-dl19-dl20``.
        folder: made.
    """
    held_out = {
        one["_id"].removeprefix("hu:").partition("<")[0]
        for one in records_of(data / "mtrag-mini" / "queries.jsonl.gz")
    }
    texts = {f"mtrag-{one['_id']}": one["text"] for one in _corpus(data / "mtrag-mini")}
    passages = list(_corpus(data / "msmarco-dl19-dl20"))
    chosen = random.Random(0).sample(passages, N_PASSAGES)
    texts |= {f"marco-{one['_id']}": one["text"] for one in chosen}
    conversations, rewrites = [], []
    for file in sorted((data / "conversations").glob("*.jsonl.gz")):
        for turn in with_replies(list(records_of(file))):
            if turn["topic"] in held_out or not turn.get("rewrite"):
                continue
            query_id = f"{file.name.partition('.')[0]}:{id_of_turn(turn)}"
            said = [one.replace("system: ", "assistant: ", 1) for one in turn["history"]]
            conversations.append({"_id": query_id, "turns": [*said, turn["utterance"]]})
            rewrites.append({"_id": query_id, "text": turn["rewrite"]})
            if turn.get("response"):
                texts[f"reply-{query_id}"] = turn["response"]
    folder.mkdir(parents=True)
    write(folder / "corpus.jsonl", [{"_id": key, "text": text} for key, text in texts.items()])
    write(folder / "conversations.jsonl", conversations)
    write(folder / "rewrites.jsonl", rewrites)


def _corpus(folder: Path) -> Iterator[dict[str, Any]]:
    return records_of(folder / "corpus.jsonl.gz")


if __name__ == "__main__":
    write_rewritten(*map(Path, sys.argv[1:]))
