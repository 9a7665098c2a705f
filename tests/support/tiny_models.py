"""Masked-language models of a few kilobytes, made from a config and a seed."""

import json
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "for",
    "on",
    "that",
    "by",
    "with",
    "as",
    "are",
    "was",
    "this",
    "from",
    "be",
    "or",
    "an",
    "it",
    "not",
    "which",
    "at",
    "sparse",
    "retrieval",
    "index",
    "query",
    "document",
    "term",
    "weight",
    "vector",
    "search",
    "learned",
    "model",
    "token",
    "posting",
    "list",
    "block",
    "score",
    "rank",
    "cell",
    "protein",
    "gene",
    "study",
    "patient",
    "result",
    "method",
    "data",
    "water",
    "ocean",
    "island",
    "music",
    "painter",
    "river",
    "mountain",
    "engine",
    "wheel",
    "garden",
    "flower",
    "summer",
    "winter",
    "letter",
    "number",
    "question",
]
POSITIONS = 64
ROUTES = {"query": ["query_0"], "document": ["", "document_1"]}
KINDS = ("bert", "distilbert", "roberta", "xlm-roberta")


def save_tiny_model(folder: Path, kind: str = "bert", *, seed: int = 0) -> Path:
    """Save a random masked-language model and its tokenizer, and return the folder.

    Args:
        folder: made if need be.
        kind: of KINDS; "bert" and "distilbert" have a WordPiece tokenizer, "roberta" a byte-level
            BPE, "xlm-roberta" a unigram one.
        seed: of the weights.
    """
    import torch
    from transformers import PreTrainedTokenizerFast

    backend = _TOKENIZERS.get(kind, word_piece_tokenizer)()
    names = ("<pad>", "<unk>") if kind in _TOKENIZERS else ("[PAD]", "[UNK]")
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=names[0], unk_token=names[1]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(kind, backend.get_vocab_size())
        # Trained heads have a bias of either sign; a fresh one is all zero and would hide mistakes.
        torch.nn.init.normal_(network.get_output_embeddings().bias, mean=-1.0)
    network.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def add_router(folder: Path, structure: Any) -> Path:
    """Give a model the files of sentence-transformers' router, but for the table's weights.

    Args:
        folder: of a masked-language model, which weights documents.
        structure: parts of each route, such as ROUTES.
    """
    kinds = {"": "MLMTransformer", "document_1": "SpladePooling"}
    kinds["query_0"] = "SparseStaticEmbedding"
    package = "sentence_transformers.sparse_encoder.models"
    types = {name: f"{package}.{kind}" for name, kind in kinds.items()}
    router = {"types": types, "structure": structure, "parameters": {"default_route": "document"}}
    (folder / "router_config.json").write_text(json.dumps(router))
    for name in ("document_1", "query_0"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text("{}")
    router_type = "sentence_transformers.models.Router"
    modules = [{"idx": 0, "name": "0", "type": router_type, "path": ""}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config_sentence_transformers.json").write_text('{"model_type": "SparseEncoder"}')
    return folder


def word_piece_tokenizer() -> Tokenizer:
    """Return a lower-casing WordPiece tokenizer of common words and letters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *"0123456789.,;:!?'()-", *ascii_lowercase]
    pieces += [f"##{letter}" for letter in ascii_lowercase]
    pieces += [word for word in dict.fromkeys(WORDS) if len(word) > 1]
    backend = Tokenizer(
        models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.add_special_tokens(special)
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return backend


def byte_level_tokenizer() -> Tokenizer:
    """Return a byte-level BPE tokenizer that merges nothing but frequent pairs of letters."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("Ġ", "the"), ("Ġ", "a"), ("e", "r"), ("Ġ", "Ġ")]
    pieces = [*special, *alphabet, *("".join(pair) for pair in merges)]
    backend = Tokenizer(
        models.BPE({piece: number for number, piece in enumerate(pieces)}, merges=merges)
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return backend


def unigram_tokenizer() -> Tokenizer:
    """Return a unigram tokenizer whose words keep their leading space as a visible mark."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = [*ascii_lowercase, *"0123456789.,;:!?'()-", "▁", "▁the", "▁re", "tri", "eval"]
    scores = [*((piece, -20.0) for piece in special), *((one, -float(len(one))) for one in letters)]
    backend = Tokenizer(models.Unigram(scores, unk_id=special.index("<unk>")))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.add_special_tokens(special)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return backend


_TOKENIZERS = {"roberta": byte_level_tokenizer, "xlm-roberta": unigram_tokenizer}


def _network(kind: str, n_terms: int) -> Any:
    import transformers

    shape = {
        "vocab_size": n_terms,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.4,
    }
    if kind == "bert":
        bert = transformers.BertConfig(**shape, pad_token_id=0)
        return transformers.BertForMaskedLM(bert)
    if kind == "roberta":
        roberta = transformers.RobertaConfig(
            **shape, pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1
        )
        return transformers.RobertaForMaskedLM(roberta)
    if kind == "xlm-roberta":
        xlm = transformers.XLMRobertaConfig(
            **shape, pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1
        )
        return transformers.XLMRobertaForMaskedLM(xlm)
    distilbert = transformers.DistilBertConfig(
        vocab_size=n_terms,
        dim=16,
        n_layers=2,
        n_heads=2,
        hidden_dim=32,
        max_position_embeddings=POSITIONS,
        initializer_range=0.4,
        pad_token_id=0,
    )
    return transformers.DistilBertForMaskedLM(distilbert)
