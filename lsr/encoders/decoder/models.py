"""How is a decoder loaded? Once for all towers that read it, whichever prompts they put before it.

The sides of a decoder mostly differ in a few words before the text. Weights of many gigabytes are
not read a second time for that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from lsr.encoders.adapter import merge_adapter
from lsr.encoders.decoder.attention import open_attention
from lsr.encoders.decoder.weighting import Attention
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.precision import Precision
from lsr.encoders.torch_model import ModelHead, load_model, pad_id, quiet_transformers
from lsr.encoders.torch_network import probe
from lsr.encoders.vocabulary_head import VocabularyHead, split_head


@dataclass(frozen=True, slots=True, weakref_slot=True)
class DecoderModel:
    """A causal model whose head is taken off.

    Attributes:
        body: its "logits" are hidden states.
        vocabulary: the head.
        precision: of the whole model, resolved.
    """

    body: Any
    vocabulary: VocabularyHead
    precision: Precision


_Key = tuple[Path, Path | None, Attention, Precision]
_models: WeakValueDictionary[_Key, DecoderModel] = WeakValueDictionary()
_lock = threading.Lock()


def load_decoder(
    files: TowerFiles, attention: Attention, tokenizer: Any, precision: Precision
) -> DecoderModel:
    """Load the model of a checked checkpoint, or return it where it is loaded already.

    Args:
        files: of the model, and of an adapter to merge into it.
        attention: which tokens a token sees.
        tokenizer: gives the texts on which the model is tried out.
        precision: of all its numbers, as decoders are published in bfloat16.

    Raises:
        UnsupportedModelError: transformers does not know the model, its weights are not whole, or
            it cannot be computed in this way.
    """
    resolved = precision.resolved()
    key = (files.folder.resolve(), files.adapter, attention, resolved)
    with _lock:
        model = _models.get(key)
        if model is None:
            model = _models[key] = _load(files, attention, tokenizer, resolved)
    return model


def _load(
    files: TowerFiles, attention: Attention, tokenizer: Any, precision: Precision
) -> DecoderModel:
    dtype = precision.torch_dtype()
    with quiet_transformers():
        body = load_model(files.folder, files.config, ModelHead.CAUSAL, dtype)
        if files.adapter is not None:
            body = merge_adapter(body, files.adapter)
    texts = probe(tokenizer, pad_id(body))
    vocabulary = split_head(body, dtype, texts)
    if attention is Attention.BIDIRECTIONAL:
        open_attention(body, texts)
    return DecoderModel(body, vocabulary, precision)
