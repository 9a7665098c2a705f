from pathlib import Path

import pytest

from lsr.encoders.model_card import ModelCard, derived_card, read_model_card


def card(folder: Path, text: str) -> ModelCard | None:
    (folder / "README.md").write_text(text, encoding="utf-8")
    return read_model_card(folder)


def test_a_card_says_licence_base_and_gate(tmp_path: Path) -> None:
    found = card(
        tmp_path,
        """---
# a comment
license: cc-by-nc-sa-4.0   # share alike
language: "en"
tags:
- splade
- license: no
base_model:
  - naver/splade-cocondenser-selfdistil
  - 'someone/else'
model-index:
- name: x
  results: []
extra_gated_prompt: Accept the terms.
---
license: mit
""",
    )

    assert found == ModelCard(
        license="cc-by-nc-sa-4.0",
        base_models=("naver/splade-cocondenser-selfdistil", "someone/else"),
        is_gated=True,
    )
    assert found.forbids_commercial_use


@pytest.mark.parametrize(
    ("lines", "license", "is_free"),
    [
        ("license: apache-2.0", "apache-2.0", True),
        ("license: [mit, apache-2.0]", "mit, apache-2.0", True),
        ("license: other\nlicense_name: acme-research-only", "acme-research-only", False),
        ("license: other", "other", True),
        ("license: cc-by-nc-4.0", "cc-by-nc-4.0", False),
        ("license: ncsa", "ncsa", True),
        ("language: en", None, True),
    ],
)
def test_licences_by_the_names_of_the_hub(
    tmp_path: Path, lines: str, license: str | None, is_free: bool
) -> None:
    found = card(tmp_path, f"---\n{lines}\n---\n")

    assert found is not None
    assert found.license == license
    assert found.forbids_commercial_use is not is_free


@pytest.mark.parametrize("text", ["", "# A model\nlicense: mit\n", "---\nlicense: mit\n"])
def test_a_card_without_front_matter_says_nothing(tmp_path: Path, text: str) -> None:
    assert card(tmp_path, text) == ModelCard()


def test_no_card(tmp_path: Path) -> None:
    assert read_model_card(tmp_path) is None


def test_json_values_leave_out_what_the_card_does(tmp_path: Path) -> None:
    assert ModelCard(license="mit").as_dict() == {"license": "mit"}


def test_a_derived_card_names_its_sources_and_no_path(tmp_path: Path) -> None:
    sources = ["naver/splade-v3", "splade-tiny", "/home/someone/mine"]

    (tmp_path / "README.md").write_text(derived_card("both", sources, [ModelCard(license="mit")]))

    assert read_model_card(tmp_path) == ModelCard(license="mit", base_models=("naver/splade-v3",))
    text = (tmp_path / "README.md").read_text()
    assert "saved by lsr from naver/splade-v3 and splade-tiny and mine." in text


def test_a_summary_is_one_line() -> None:
    assert ModelCard(base_models=("a/b", "c/d")).summary == "not stated, made from a/b, c/d"
    assert ModelCard(license="cc-by-nc-4.0", is_gated=True).summary == (
        "cc-by-nc-4.0, no commercial use, gated"
    )
