import json
import math
from pathlib import Path
from typing import Any

import pytest

from command import Outcome, lsr, tree
from tiny_models import unigram_tokenizer, word_piece_tokenizer

LINES = [
    {"id": "1", "title": "Ocean", "text": "the water"},
    {"id": "2", "text": "the river"},
    {"id": "3", "text": ""},
]


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds a tokenizer, a corpus, and a second one."""
    (tmp_path / "model").mkdir()
    word_piece_tokenizer().save(str(tmp_path / "model" / "tokenizer.json"))
    (tmp_path / "docs.jsonl").write_text(lines(*LINES))
    (tmp_path / "more.jsonl").write_text(lines({"id": "9", "text": "garden"}))
    return tmp_path


def build(folder: Path, *arguments: str, **options: Any) -> Outcome:
    return lsr("idf", "build", *arguments, "--model", "model", cwd=folder, **options)


def weights(file: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads(file.read_text())
    return found


def test_builds_a_table_from_titles_and_texts(folder: Path) -> None:
    done = build(folder, "docs.jsonl", "--output", "idf.json")

    assert done.code == 0, done.stderr
    assert "3 documents counted" in done.stdout
    assert "1 without text do not count" in done.stdout
    found = weights(folder / "idf.json")
    # Two documents have a token.
    assert found["the"] == pytest.approx(math.log(3 / 2.5), rel=1e-6)
    assert found["ocean"] == pytest.approx(math.log(3 / 1.5), rel=1e-6)
    assert found["garden"] == pytest.approx(math.log(3 / 0.5), rel=1e-6)
    assert found["[SEP]"] == 0


def test_unseen_tokens_weigh_what_is_asked_for(folder: Path) -> None:
    done = build(folder, "docs.jsonl", "--output", "idf.json", "--unseen", "1.5", "--json")

    assert weights(folder / "idf.json")["garden"] == 1.5
    facts = json.loads(done.stdout)
    assert (facts["documents"], facts["empty"], facts["unseen_weight"]) == (2, 1, "1.5")
    assert facts["corpora"] == ["docs.jsonl"]
    assert 0 < facts["unseen_share"] < 1


def test_a_template_says_what_is_counted(folder: Path) -> None:
    """Documents without the field have no token of it."""
    done = build(folder, "docs.jsonl", "--output", "idf.json", "--template", "{title}", "--json")
    refused = build(folder, "docs.jsonl", "--output", "other.json", "--template", "title")

    assert done.code == 0, done.stderr
    found, facts = weights(folder / "idf.json"), json.loads(done.stdout)
    assert (facts["documents"], facts["empty"]) == (1, 2)
    assert facts["corpora"] == ["docs.jsonl as {title}"]
    assert found["ocean"] == pytest.approx(math.log(2 / 1.5), rel=1e-6)
    assert found["river"] == pytest.approx(math.log(2 / 0.5), rel=1e-6)
    assert "must name fields of documents in braces" in refused.error


def test_several_corpora_and_standard_input_are_one(folder: Path) -> None:
    build(folder, "docs.jsonl", "more.jsonl", "--output", "files.json")
    build(folder, "-", "--output", "stdin.json", stdin=lines(*LINES, {"id": "9", "text": "garden"}))

    assert weights(folder / "files.json") == weights(folder / "stdin.json")


def test_merging_gives_what_one_build_would_give(folder: Path) -> None:
    build(folder, "docs.jsonl", "--output", "a.json")
    build(folder, "more.jsonl", "--output", "b.json")
    build(folder, "docs.jsonl", "more.jsonl", "--output", "both.json")

    done = lsr("idf", "merge", "a.json", "b.json", "--output", "c.json", cwd=folder)

    assert done.code == 0, done.stderr
    for suffix in (".json", ".counts.json"):
        merged, built = folder / f"c{suffix}", folder / f"both{suffix}"
        assert merged.read_bytes() == built.read_bytes()


def test_tables_of_two_policies_need_a_choice(folder: Path) -> None:
    build(folder, "docs.jsonl", "--output", "a.json", "--unseen", "0")
    build(folder, "more.jsonl", "--output", "b.json")
    merge = ("idf", "merge", "a.json", "b.json", "--output", "c.json")

    done = lsr(*merge, cwd=folder)

    assert "(0, formula); choose one with --unseen" in done.error
    assert not (folder / "c.json").exists()
    assert lsr(*merge, "--unseen", "formula", cwd=folder).code == 0
    assert weights(folder / "c.json")["engine"] == pytest.approx(math.log(4 / 0.5), rel=1e-6)


def test_merging_keeps_the_policy_that_all_tables_have(folder: Path) -> None:
    build(folder, "docs.jsonl", "--output", "a.json", "--unseen", "0.5")

    lsr("idf", "merge", "a.json", "a.json", "--output", "c.json", cwd=folder)

    assert weights(folder / "c.json")["engine"] == 0.5


def test_shows_what_was_counted_and_both_ends(folder: Path) -> None:
    build(folder, "docs.jsonl", "--output", "idf.json")

    done = lsr("idf", "show", "idf.json", "--top", "2", cwd=folder)
    found = json.loads(lsr("idf", "show", "idf.json", "--json", cwd=folder).stdout)

    assert [line.split() for line in done.stdout.splitlines() if "documents  " in line] == [
        ["documents", "2"]
    ]
    assert "the" in done.stdout.partition("lightest")[2]
    assert list(found["heaviest"]) == ["water", "ocean", "river", "the"]
    assert list(found["lightest"]) == ["the", "river", "ocean", "water"]
    assert (found["documents"], found["empty"], found["special"]) == (2, 1, 5)
    assert found["unseen"] == found["tokens"] - 5 - 4
    assert found["without_weight"] == 5


def test_shows_a_table_of_others(folder: Path) -> None:
    (folder / "query_token_weights.txt").write_text("water\t2.5\nthe\t0.1\n[SEP]\t0\n")

    done = lsr("idf", "show", "query_token_weights.txt", "--json", cwd=folder)

    assert json.loads(done.stdout) == {
        "table": "query_token_weights.txt",
        "tokens": 3,
        "without_weight": 1,
        "heaviest": {"water": 2.5, "the": 0.1},
        "lightest": {"the": 0.1, "water": 2.5},
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.jsonl", "--output", "idf.json"), "There is no file or folder 'nowhere.jsonl'"),
        (("empty.jsonl", "--output", "idf.json"), "holds no documents"),
        (("blank.jsonl", "--output", "idf.json"), "None of the 1 documents of blank.jsonl has a"),
        (("vectors.jsonl", "--output", "idf.json"), "vectors.jsonl holds vectors without texts"),
        (("docs.jsonl", "--output", "none/idf.json"), "There is no folder 'none'"),
        (("docs.jsonl", "--output", "old.json"), "old.json is there already; replace it with"),
        (("docs.jsonl", "--output", "a.json"), "a.json is a folder"),
    ],
)
def test_refuses_what_makes_no_table(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    (folder / "empty.jsonl").write_text("")
    (folder / "blank.jsonl").write_text(lines({"id": "1", "text": " \n"}))
    (folder / "vectors.jsonl").write_text(lines({"id": "1", "vector": {"cat": 1.0}}))
    (folder / "old.json").write_text("{}")
    (folder / "a.json").mkdir()
    before = tree(folder)

    done = build(folder, *arguments)

    assert done.code == 1
    assert message in done.error
    assert tree(folder) == before


@pytest.mark.parametrize("unseen", ["max", "-1", "nan", "inf", ""])
def test_an_unknown_policy_is_a_usage_error(folder: Path, unseen: str) -> None:
    done = build(folder, "docs.jsonl", "--output", "idf.json", "--unseen", unseen)

    assert done.code == 2
    assert "write formula or a weight" in " ".join(done.stderr.replace("│", " ").split())


def test_force_replaces_a_table(folder: Path) -> None:
    build(folder, "docs.jsonl", "--output", "idf.json")

    done = build(folder, "more.jsonl", "--output", "idf.json", "--force")

    assert done.code == 0
    assert weights(folder / "idf.json")["garden"] == pytest.approx(math.log(2 / 1.5), rel=1e-6)
    assert lsr("idf", "show", "idf.json", cwd=folder).code == 0


def test_texts_beside_vectors_count(folder: Path) -> None:
    (folder / "both.jsonl").write_text(lines({"id": "1", "text": "the", "vector": {"cat": 1.0}}))

    assert build(folder, "both.jsonl", "--output", "idf.json").code == 0


@pytest.mark.parametrize(
    ("tables", "code", "message"),
    [
        (["a.json"], 2, "Give two tables or more"),
        (["a.json", "plain.json"], 1, "plain.json has no plain.counts.json beside it"),
        (["a.json", "none.json"], 1, "none.json is not readable JSON"),
        (["a.json", "other.json"], 1, "which has another vocabulary; count both with one"),
    ],
)
def test_refuses_to_merge(folder: Path, tables: list[str], code: int, message: str) -> None:
    build(folder, "docs.jsonl", "--output", "a.json")
    (folder / "plain.json").write_text('{"the": 1.0}')
    (folder / "unigram").mkdir()
    unigram_tokenizer().save(str(folder / "unigram" / "tokenizer.json"))
    other = ("idf", "build", "docs.jsonl", "--model", "unigram", "--output", "other.json")
    assert lsr(*other, cwd=folder).code == 0

    done = lsr("idf", "merge", *tables, "--output", "c.json", cwd=folder)

    assert done.code == code
    assert message in " ".join(done.stderr.split())
    assert not (folder / "c.json").exists()


def test_a_table_cannot_name_its_tokens_in_safetensors(folder: Path) -> None:
    done = lsr("idf", "show", "model.safetensors", cwd=folder)

    assert "without the names of their tokens" in done.error
