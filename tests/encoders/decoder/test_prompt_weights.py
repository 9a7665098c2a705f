"""PromptReps, held against its formulas over what transformers computes for one text alone."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lsr.encoders import Backend, Precision
from lsr.encoders.decoder.weighting import PromptWeighting
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.layouts.model_files import read_config
from lsr.encoders.method import Side
from lsr.encoders.tower import Tower
from lsr.encoders.tower_loading import load_tower
from tiny_decoders import decoder_tokenizer, save_tiny_decoder

TEXTS = ["The garden of the painter", "water", "a long island, a longer river and the mountains"]
WORDS = [["garden", "painter"], ["water"], ["long", "island", "longer", "river", "mountains"]]
BEFORE = '<s>[system]Be brief.</s>[user]Text: "'
AFTER = '". One word?</s>[assistant]It is "'
ASK = PromptWeighting(system="Be brief.", request='Text: "{text}". One word?', answer='It is "')

WEIGHTS = shutil.ignore_patterns("*.safetensors")

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_decoder(tmp_path_factory.mktemp("decoders") / "llama", seed=3)


def tower(folder: Path, weighting: PromptWeighting = ASK, max_length: int = 200) -> Tower:
    return load_tower(
        "tiny",
        TowerFiles(folder, read_config(folder), Side(weighting)),
        max_length=max_length,
        precision=Precision.FLOAT32,
        backend=Backend.AUTO,
    )


def ids(text: str) -> list[int]:
    return list(decoder_tokenizer().encode(text, add_special_tokens=False).ids)


def prompt(text: str) -> list[int]:
    return [*ids(BEFORE), *ids(text), *ids(AFTER)]


@cache
def last(folder: Path, tokens: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the logits and the hidden state of the last token."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([tokens]), output_hidden_states=True)
    return output.logits[0, -1].numpy(), output.hidden_states[-1][0, -1].numpy()


def filtered(logits: Array, words: list[str], max_terms: int = 128) -> dict[int, float]:
    """Return the weights of the terms of words, by the paper's filter."""
    values = np.log1p(np.maximum(logits, 0)).tolist()
    terms = {term for word in words for term in ids(word)}
    kept = sorted(terms, key=lambda term: (-values[term], term))[:max_terms]
    return {term: round(100 * values[term]) / 100 for term in kept if round(100 * values[term])}


def rows(tower: Tower, texts: list[str] = TEXTS) -> list[dict[int, float]]:
    return [
        dict(zip(terms.tolist(), weights.tolist(), strict=True))
        for terms, weights in tower.encode(texts).rows()
    ]


@pytest.mark.parametrize("max_terms", [128, 3])
def test_words_of_the_text_weigh_what_the_model_would_answer(folder: Path, max_terms: int) -> None:
    got = rows(tower(folder, PromptWeighting(ASK.system, ASK.request, ASK.answer, max_terms)))

    for text, words, row in zip(TEXTS, WORDS, got, strict=True):
        logits, _ = last(folder, tuple(prompt(text)))
        assert row == pytest.approx(filtered(logits, words, max_terms), abs=1e-6)
    assert any(got)


def test_the_dense_half_is_the_hidden_state_behind_the_answer(folder: Path) -> None:
    encoded = tower(folder).encode_texts([*TEXTS, " "])

    assert encoded.dense is not None
    for text, row in zip(TEXTS, encoded.dense, strict=False):
        _, hidden = last(folder, tuple(prompt(text)))
        np.testing.assert_allclose(row, hidden / np.linalg.norm(hidden), atol=1e-5)
    assert not encoded.dense[-1].any()
    assert encoded.dense.shape == (4, tower(folder).dense_size)


def test_what_prompts_begin_with_is_read_once_for_a_batch(folder: Path) -> None:
    import torch

    encoder, texts, n_read = tower(folder), 256 * TEXTS[-1:], 0

    def count(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        nonlocal n_read
        n_read += inputs[0].numel() if isinstance(module, torch.nn.Embedding) else 0

    with torch.nn.modules.module.register_module_forward_pre_hook(count):
        vectors = encoder.encode(texts)

    # Each core that takes part reads the beginning, and of each text the last token is read.
    assert len(texts) < n_read < len(texts) * len(prompt(texts[0])) / 4
    assert vectors.nnz == len(texts) * encoder.encode(texts[:1]).nnz > 0


def test_a_text_without_content_words_gets_ten_terms_of_the_vocabulary(folder: Path) -> None:
    (row,) = rows(tower(folder), ["to be or not to be!"])

    logits, _ = last(folder, tuple(prompt("to be or not to be!")))
    values = np.log1p(np.maximum(logits, 0))
    top = np.argsort(-values, kind="stable")[:10]
    assert row == pytest.approx({int(t): round(float(values[t]), 2) for t in top}, abs=1e-6)


def test_a_long_text_is_cut_and_the_prompt_is_not(folder: Path) -> None:
    room = 4
    length = len(ids(BEFORE)) + room + len(ids(AFTER))

    encoded = tower(folder, max_length=length).encode_texts(["painter"])

    _, hidden = last(folder, (*ids(BEFORE), *ids("painter")[:room], *ids(AFTER)))
    assert encoded.dense is not None
    np.testing.assert_allclose(encoded.dense[0], hidden / np.linalg.norm(hidden), atol=1e-5)
    assert encoded.truncated == [0]


def answered(folder: Path, text: str, max_tokens: int) -> tuple[list[Array], list[Array]]:
    """Generate without a cache, one text at a time; return what stood behind each token."""
    tokens = prompt(text)
    logits: list[Array] = []
    hidden: list[Array] = []
    for _ in range(max_tokens):
        step, state = last(folder, tuple(tokens))
        token = int(step.argmax())
        ends = '"' in str(decoder_tokenizer().id_to_token(token)) or token <= 4
        if ends and logits:
            break
        logits.append(step)
        hidden.append(state)
        if ends:
            break
        tokens.append(token)
    return logits, hidden


def test_several_tokens_give_the_largest_logit_and_the_mean_state(folder: Path) -> None:
    asked = PromptWeighting(ASK.system, ASK.request, ASK.answer, max_tokens=6)

    encoded = tower(folder, asked).encode_texts(TEXTS)
    got = rows(tower(folder, asked))

    assert encoded.dense is not None
    for text, words, row, dense in zip(TEXTS, WORDS, got, encoded.dense, strict=True):
        logits, hidden = answered(folder, text, 6)
        assert row == pytest.approx(filtered(np.max(logits, 0), words), abs=1e-6)
        mean = np.mean(hidden, 0)
        np.testing.assert_allclose(dense, mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("n_tokens", [0, 2])
def test_an_answer_ends_with_its_quote(tmp_path: Path, n_tokens: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = save_tiny_decoder(tmp_path / "model", seed=3)
    tokens = prompt("water")
    for _ in range(n_tokens):
        tokens.append(int(last(folder, tuple(tokens))[0].argmax()))
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    (quote,) = ids('"')
    written = int(last(folder, tuple(tokens))[0].argmax())
    with torch.no_grad():  # now the quote is what the model writes there
        model.lm_head.weight[quote] = model.lm_head.weight[written] * 1.1
    model.save_pretrained(tmp_path / "quoting")
    shutil.copytree(folder, tmp_path / "quoting", dirs_exist_ok=True, ignore=WEIGHTS)
    asked = PromptWeighting(ASK.system, ASK.request, ASK.answer, max_tokens=6)

    encoded = tower(tmp_path / "quoting", asked).encode_texts(["water", *TEXTS])

    logits, hidden = answered(tmp_path / "quoting", "water", 6)
    assert len(logits) == max(1, n_tokens)
    mean = np.mean(hidden, 0)
    assert encoded.dense is not None
    np.testing.assert_allclose(encoded.dense[0], mean / np.linalg.norm(mean), atol=1e-5)
