"""`lsr info` and `lsr verify`, and what they share."""

import json
import shutil
from pathlib import Path

from command import lsr


def test_info_is_readable(indexed: Path) -> None:
    done = lsr("info", "--index", "idx", cwd=indexed)

    assert done.code == 0
    assert "documents   3 (segments: 1, deleted: 0)" in done.stdout
    assert "bytes a posting" in done.stdout


def test_info_says_what_the_models_may_be_used_for(tiny_model: Path, tmp_path: Path) -> None:
    card = "---\nlicense: cc-by-nc-sa-4.0\nbase_model: someone/base\nextra_gated_prompt: x\n---\n"
    (tmp_path / "docs.jsonl").write_text('{"_id": "d1", "text": "a garden"}\n')
    for name, text in (("documents", card), ("queries", "---\nlicense: mit\n---\n")):
        shutil.copytree(tiny_model, tmp_path / name)
        (tmp_path / name / "README.md").write_text(text)
    made = lsr(
        *("index", "docs.jsonl", "--index", "idx", "--model", "documents"),
        *("--query-model", "queries"),
        cwd=tmp_path,
    )
    assert made.code == 0, made.stderr

    done = lsr("info", "--index", "idx", cwd=tmp_path)

    assert (
        "licence     cc-by-nc-sa-4.0, no commercial use, gated, made from someone/base; "
        "mit (queries)\n" in done.stdout
    )
    facts = json.loads(lsr("info", "--index", "idx", "--json", cwd=tmp_path).stdout)
    assert facts["encoder"]["card"]["license"] == "cc-by-nc-sa-4.0"
    assert facts["encoder"]["query_card"] == {"license": "mit"}


def test_verify_finds_a_sound_index_sound(indexed: Path) -> None:
    done = lsr("verify", "--index", "idx", "--json", cwd=indexed)

    assert done.code == 0
    found = json.loads(done.stdout)
    assert found["sound"] is True
    assert len(found["parts"]) == 3


def test_version() -> None:
    assert lsr("--version").stdout == "lsr-engine 0.1.0\n"
