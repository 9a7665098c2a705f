"""Which texts is a model compressed by? Those of a collection, as the encoder would read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import xxhash

from lsr.compression.recipe import Calibration
from lsr.corpus import read_documents, read_queries
from lsr.encoders.layouts import TowerFiles
from lsr.encoders.native.architecture import architecture_of
from lsr.encoders.tokenization import TextTokenizer, TokenizedText
from lsr.encoders.tokenizer_files import read_tokenizer
from lsr.errors import ConfigError, UnsupportedModelError

LEAST_TOKENS = 1000
"""With 1,300 tokens, a model of width 128 is pruned about as well as with 170,000; not with 100."""

MAX_LENGTH = 256


def document_texts(source: str, n_documents: int | None) -> Iterator[str]:
    """Yield the texts of a collection, from the beginning; those without any are left out.

    Raises:
        ConfigError: it holds vectors instead of texts.
        InvalidInputError: it cannot be read.
    """
    texts = (text for text in _all_texts(source) if text.strip())
    return islice(texts, n_documents)


def _all_texts(source: str) -> Iterator[str]:
    for batch in read_documents(source):
        if batch.vectors is not None:
            raise ConfigError(f"{source} holds vectors, but a model is compressed by texts.")
        yield from (document.full_text for document in batch.documents)


def calibration_texts(calibration: Calibration) -> tuple[list[str], list[str]]:
    """Return the documents and the queries.

    Raises:
        ConfigError: there are no documents, or vectors in the place of texts.
    """
    documents = list(document_texts(calibration.documents, calibration.n_documents))
    if not documents:
        raise ConfigError(f"{calibration.documents} holds no text to prune by.")
    if calibration.queries is None:
        return documents, []
    asked = read_queries(calibration.queries).questions
    queries = [str(one) for one in asked if str(one).strip()]
    return documents, queries[: calibration.n_queries]


def tokenized(files: TowerFiles, texts: Sequence[str]) -> list[TokenizedText]:
    """Return texts as the model reads them."""
    backend = read_tokenizer(files.tokenizer, files.model_type)
    if backend is None:
        raise UnsupportedModelError(
            f"The tokenizer in {str(files.tokenizer)!r} is of a kind that only transformers reads, "
            "so the model cannot be compressed."
        )
    length = min(files.max_length or MAX_LENGTH, architecture_of(files.config).longest_input)
    return TextTokenizer(backend, length, prefix=files.side.prefix).tokenize(texts)


def refuse_few_tokens(texts: Sequence[TokenizedText]) -> None:
    """Refuse texts that are too short to tell what goes into a matrix.

    Raises:
        ConfigError: as above.
    """
    n_tokens = sum(text.ids.size for text in texts)
    if n_tokens < LEAST_TOKENS:
        raise ConfigError(
            f"The calibration texts have {n_tokens:,} tokens, but at least {LEAST_TOKENS:,} are "
            "needed; name more documents."
        )


def digest_of(texts: Sequence[str]) -> str:
    """Return what tells these texts from others."""
    digest = xxhash.xxh3_128()
    for text in texts:
        digest.update(text.encode(errors="surrogatepass") + b"\0")
    return digest.hexdigest()
