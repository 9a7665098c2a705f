"""Which tokenizer do a model's files describe? Read without transformers where that is possible.

tokenizer.json says everything. A vocab.txt alone says enough for the WordPiece tokenizers of BERT
and DistilBERT, whose few options stand in tokenizer_config.json. Other files mean what the class
that wrote them makes of them, which only transformers knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from lsr.encoders.json_file import read_json
from lsr.errors import UnsupportedModelError

WORD_PIECE_CLASSES = {"BertTokenizer", "DistilBertTokenizer"}
SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


def read_tokenizer(folder: Path, model_type: str) -> Tokenizer | None:
    """Return the tokenizer of a model, or None where only transformers can tell.

    Args:
        folder: of the model.
        model_type: what its config.json calls it.

    Raises:
        UnsupportedModelError: a file cannot be read.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        try:
            return Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more particular
            raise UnsupportedModelError(
                f"The tokenizer in {str(folder)!r} cannot be loaded ({error})."
            ) from error
    file = folder / "vocab.txt"
    options = _options(folder)
    kind = str(options.get("tokenizer_class") or "").removesuffix("Fast")
    if not kind and model_type in {"bert", "distilbert"}:
        kind = "BertTokenizer"
    if not file.is_file() or kind not in WORD_PIECE_CLASSES:
        return None
    special = {role: _content(options.get(role), name) for role, name in SPECIAL_TOKENS.items()}
    if _added_tokens(folder, options) - set(special.values()):
        return None
    return _word_piece(file, options, special)


def _word_piece(file: Path, options: dict[str, Any], special: dict[str, str]) -> Tokenizer:
    """Return the tokenizer that BERT was trained with."""
    try:
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnsupportedModelError(f"{file} cannot be read ({error}).") from error
    vocabulary = {line: number for number, line in enumerate(lines)}
    for role, token in special.items():
        if token not in vocabulary and role != "mask_token":
            raise UnsupportedModelError(
                f"{file} lacks {token!r}, the {role} of its tokenizer; check the file."
            )
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=special["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=options.get("tokenize_chinese_chars", True),
        strip_accents=options.get("strip_accents"),
        lowercase=options.get("do_lower_case", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    known = [token for token in special.values() if token in vocabulary]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in known])
    first, last = special["cls_token"], special["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[first, "$A", last],
        special_tokens=[(token, vocabulary[token]) for token in (first, last)],
    )
    return tokenizer


def _options(folder: Path) -> dict[str, Any]:
    """Return what the configuration says; special tokens used to stand in a file of their own."""
    options: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            options.update(read_json(folder / name, dict))
    return options


def _added_tokens(folder: Path, options: dict[str, Any]) -> set[str]:
    """Return the tokens that stand in no vocab.txt."""
    added = options.get("added_tokens_decoder") or {}
    found = {_content(token, "") for token in added.values()}
    file = folder / "added_tokens.json"
    return found | set(read_json(file, dict)) if file.is_file() else found


def _content(token: Any, default: str) -> str:
    """Return a special token's text; it is stored as such or with the options of its match."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else default
