"""A GGUF file written by the test, with the layout of llama.cpp, and the real small model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsr.encoders import Precision, load_encoder
from lsr.encoders.gguf_model import converted_gguf
from lsr.encoders.locating import locate_model
from lsr.errors import ModelNotFoundError, UnsupportedModelError
from tiny_decoders import decoder_tokenizer, save_tiny_decoder

TEXTS = ["sparse retrieval", "water of the island"]
TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_gguf(file: Path, folder: Path) -> Path:
    """Write the tiny Llama in a folder as llama.cpp has it."""
    import gguf
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(16)
    writer.add_feed_forward_length(32)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(4)
    writer.add_vocab_size(model.config.vocab_size)
    vocabulary = decoder_tokenizer().get_vocab()
    writer.add_tokenizer_model("gpt2")
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    # transformers adds this token where a tokenizer of this kind has none.
    writer.add_token_list(["<|endoftext|>" if one == "<mask>" else one for one in tokens])
    writer.add_token_merges(["t h", "th e", "i n", "Ġ the", "Ġ a", "e r", "Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(1)
    writer.add_tensor("token_embd.weight", tensors["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", tensors["model.norm.weight"])
    writer.add_tensor("output.weight", tensors["lm_head.weight"])
    for layer in range(2):
        for ours, theirs in TENSORS.items():
            tensor = tensors[f"model.layers.{layer}.{ours}.weight"]
            if theirs in {"attn_q", "attn_k"}:  # llama.cpp rotates neighbours, not halves
                tensor = tensor.reshape(-1, 2, 2, 16).swapaxes(1, 2).reshape(tensor.shape)
            writer.add_tensor(f"blk.{layer}.{theirs}.weight", np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_a_gguf_file_is_the_model_that_it_was_made_of(tmp_path: Path) -> None:
    folder = save_tiny_decoder(tmp_path / "model", begins=False)
    file = write_gguf(tmp_path / "tiny.gguf", folder)

    ours, expected = (
        load_encoder(str(one), method="causal-splade", precision=Precision.FLOAT32)
        for one in (file, folder)
    )

    np.testing.assert_allclose(
        ours.encode_documents(TEXTS).to_scipy().toarray(),
        expected.encode_documents(TEXTS).to_scipy().toarray(),
        atol=1e-5,
    )
    assert ours.settings["model"] == str(file)


def test_a_file_is_converted_once(tmp_path: Path, cache: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", save_tiny_decoder(tmp_path / "model"))

    first = converted_gguf(file)
    (first / "mark").touch()

    assert converted_gguf(file) == first == locate_model(str(file))
    assert (first / "mark").is_file()
    assert [path.name for path in (cache / "lsr" / "models").iterdir() if path.is_dir()] == [
        first.name
    ]


def test_a_damaged_file_is_refused_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF and no more")

    with pytest.raises(UnsupportedModelError, match=r"broken\.gguf' cannot be converted"):
        converted_gguf(file)

    assert not any(path.is_dir() for path in (cache / "lsr" / "models").glob("*"))


@pytest.mark.slow
def test_the_small_model_that_has_a_name_answers_prompts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")  # converting it takes half a minute
    try:
        encoder = load_encoder("smollm2", method="promptreps", precision=Precision.FLOAT32)
    except ModelNotFoundError:
        pytest.skip("smollm2 is not installed")

    (words,) = encoder.decode(encoder.encode_documents(["The capital of France is Paris."]))

    assert set(words) <= {"capital", "f", "rance", "par", "is", "fr", "ance", "p", "aris"}
    assert words
