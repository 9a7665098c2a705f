"""Causal language models of a few kilobytes, made from a config and a seed, and what they mean."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from tiny_models import byte_level_tokenizer

KINDS = ("llama", "mistral", "qwen2")
POSITIONS = 256
CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}"
    "{% if not loop.last %}</s>{% endif %}{% endfor %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"


def decoder_tokenizer(*, begins: bool = True) -> Tokenizer:
    """Return a byte-level tokenizer that puts <s> before a text, or nothing around it."""
    backend = byte_level_tokenizer()
    backend.post_processor = TemplateProcessing(
        single="<s> $A" if begins else "$A", special_tokens=[("<s>", 0)]
    )
    return backend


def save_tiny_decoder(
    folder: Path,
    kind: str = "llama",
    *,
    tied: bool = False,
    begins: bool = True,
    chat_template: str | None = CHAT,
    seed: int = 0,
) -> Path:
    """Save a random causal model and its tokenizer, and return the folder.

    Args:
        folder: made if need be.
        kind: of KINDS.
        tied: whether the head is the table of embeddings.
        begins: whether a token begins every text.
        chat_template: of the tokenizer; None for a model that was not tuned for chats.
        seed: of the weights.
    """
    import torch
    import transformers

    backend = decoder_tokenizer(begins=begins)
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    wrapped.chat_template = chat_template
    config: dict[str, Any] = {
        "vocab_size": backend.get_vocab_size(),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.4,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "tie_word_embeddings": tied,
    }
    name = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings = getattr(transformers, f"{name}Config")(**config)
        model = getattr(transformers, f"{name}ForCausalLM")(settings)
        for module in model.modules():  # fresh ones are all 1 and would hide mistakes
            if type(module).__name__.endswith("RMSNorm"):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
