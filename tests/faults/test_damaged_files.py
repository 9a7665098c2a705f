"""A damaged byte is found before it changes an answer; without checks, nothing crashes."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lsr
from child import in_child
from dense_word_encoder import DenseWordEncoder, dense_rows
from lsr.errors import IndexStorageError, LsrError
from lsr.index import verify_index
from lsr.sparse import vocabulary_fingerprint

pytestmark = [
    pytest.mark.slow,
    # Forking is safe: the child is one thread that never returns to pytest.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

TERMS = [f"term{number}" for number in range(40)]
Damage = Callable[[np.random.Generator, bytes], bytes | None]
Answers = list[Any]


class TermEncoder(DenseWordEncoder):
    """Encodes the words of `TERMS`."""

    tokens = tuple(TERMS)
    fingerprint = vocabulary_fingerprint(TERMS)
    weight_ceiling = 16.0


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three segments, deletions, names, texts, declared fields and dense rows."""
    path = tmp_path_factory.mktemp("sound") / "idx"
    rng = np.random.default_rng(5)
    fields = {"year": "int", "tags": "tags"}
    index = lsr.Index.create(path, encoder=TermEncoder(), fields=fields)
    for first, last in ((0, 300), (300, 360), (360, 500)):
        with index.writer() as writer:
            for number in range(first, last):
                text = " ".join(rng.choice(TERMS, 20).tolist())
                tags = [f"t{number % 7}", f"t{number % 11}"]
                writer.add({"id": f"d{number}", "text": text, "year": number, "tags": tags})
            writer.commit()
    with index.writer() as writer:
        for number in range(0, 500, 9):
            writer.delete(f"d{number}")
        writer.commit()
    return path


def _answers(path: Path, *, verify: bool = True) -> Answers:
    """Open the index and ask what its users ask."""
    index = lsr.Index.open(path, verify=verify)
    queries = [{term: 1.0 + place for place, term in enumerate(TERMS[n : n + 8])} for n in (0, 30)]
    found: Answers = []
    for hits in index.search_batch(queries, k=60):
        found += [(hit.doc_id, hit.score, hit.rank) for hit in hits]
        found += [(hit.document.text, hit.document.metadata) for hit in hits[:4]]
    for wanted in ("year < 200 or year >= 400", "tags in ('t3', 't10')"):
        found += [(hit.doc_id, hit.score) for hit in index.search(queries[0], k=60, where=wanted)]
    rankings = index.searcher.search_dense_batch(dense_rows(["term3 term5", "term2"], TERMS), 50)
    found += [index.searcher.named_hits(rankings, row) for row in (0, 1)]
    for number in (1, 320, 499):
        explanation = index.explain(queries[0], f"d{number}")
        found.append([(one.term, one.product) for one in explanation.terms])
    return found


def _flip(rng: np.random.Generator, content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[rng.integers(len(damaged))] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def _cut(rng: np.random.Generator, content: bytes) -> bytes | None:
    """Cut, lengthen, empty or remove a file."""
    kind = rng.integers(8)
    if kind == 0:
        return None
    if kind == 1:
        return content + bytes(int(rng.integers(1, 5000)))
    page = int(rng.integers(len(content) // 512 + 1)) * 512
    return content[: max(0, min(page + int(rng.integers(-1, 2)), len(content) - 1))]


def _blank(rng: np.random.Generator, content: bytes) -> bytes:
    """Make zeros of a span, as lost pages are."""
    begin = int(rng.integers(len(content)))
    end = min(len(content), begin + int(rng.integers(1, 4096)))
    return content[:begin] + bytes(end - begin) + content[end:]


def _damaged(path: Path, damage: Damage, seed: int, n_trials: int) -> Iterator[tuple[str, str]]:
    """Damage a file of an index at a time; yield its name and its path, and mend it afterwards."""
    rng = np.random.default_rng(seed)
    files = sorted(one for one in path.rglob("*") if one.is_file() and one.name != "write.lock")
    contents = {file: file.read_bytes() for file in files}
    for number in range(n_trials):
        file = files[number % len(files)]
        damaged = damage(rng, contents[file])
        if damaged == contents[file]:
            continue
        file.unlink()
        if damaged is not None:
            file.write_bytes(damaged)
        yield file.name, str(file)
        file.unlink(missing_ok=True)
        file.write_bytes(contents[file])


def _outcome(path: Path, file: str, expected: Answers) -> str:
    """Say when the damage was found: used, or by `verify_index`, which reads all."""
    try:
        found = _answers(path)
    except IndexStorageError as error:
        _assert_says_where(str(error), file)
        return "when used"
    assert found == expected, f"{file}: other answers"
    with pytest.raises(IndexStorageError) as caught:
        for _ in verify_index(path):
            pass
    assert file in str(caught.value)
    return "by verify, being unused"


def _assert_says_where(message: str, file: str) -> None:
    assert file in message or file.endswith("manifest.json"), message
    if "is damaged in" not in message:
        known = ("the table of arrays", "does not start", "has format version", "manifest", "bytes")
        assert any(one in message for one in (*known, "is missing", "no manifest")), message


def _try_damages(path: Path, damage: Damage, seed: int, n_trials: int, pipe: int) -> None:
    expected = _answers(path)
    outcomes = Counter(
        _outcome(path, file, expected) for _, file in _damaged(path, damage, seed, n_trials)
    )
    os.write(pipe, json.dumps(outcomes).encode())


@pytest.mark.parametrize(
    ("what", "damage", "n_trials"),
    [
        *((f"single-byte flips, part {part}", _flip, 1250) for part in (1, 2, 3, 4)),
        ("truncations, lengthened and missing files", _cut, 1000),
        ("zeroed pages", _blank, 500),
    ],
)
def test_damage_is_found_before_it_is_used(
    sound: Path,
    tmp_path: Path,
    what: str,
    damage: Damage,
    n_trials: int,
    evidence: Callable[[str], None],
) -> None:
    shutil.copytree(sound, tmp_path / "idx")
    seed = int.from_bytes(what.encode()) % 2**32

    written, ended = in_child(partial(_try_damages, tmp_path / "idx", damage, seed, n_trials))

    assert ended == 0
    outcomes: dict[str, int] = json.loads(written)
    n_found = sum(outcomes.values())
    assert n_found >= 0.95 * n_trials
    parts = ", ".join(f"{count} {when}" for when, count in sorted(outcomes.items()))
    evidence(f"{what}: {n_found}/{n_found} found, {parts}")


def _try_unchecked(path: Path, damage: Damage, seed: int, n_trials: int, pipe: int) -> None:
    outcomes: Counter[str] = Counter()
    expected = _answers(path)
    for _, _file in _damaged(path, damage, seed, n_trials):
        try:
            found = _answers(path, verify=False)
            outcomes["same answers" if found == expected else "other answers"] += 1
        except LsrError:
            outcomes["refused"] += 1
    os.write(pipe, json.dumps(outcomes).encode())


@pytest.mark.parametrize(("damage", "n_trials"), [(_flip, 700), (_blank, 300)])
def test_unchecked_damage_does_not_crash(
    sound: Path,
    tmp_path: Path,
    damage: Damage,
    n_trials: int,
    evidence: Callable[[str], None],
) -> None:
    shutil.copytree(sound, tmp_path / "idx")

    written, ended = in_child(partial(_try_unchecked, tmp_path / "idx", damage, 11, n_trials))

    assert ended == 0
    outcomes: dict[str, int] = json.loads(written)
    parts = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
    evidence(
        f"unchecked damage ({damage.__name__[1:]}): no crash in {sum(outcomes.values())}, {parts}"
    )
