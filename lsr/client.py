"""A service that is somewhere else, used in the same words as an `lsr.Index` that is here.

>>> import lsr
>>> pets = lsr.Client("http://127.0.0.1:8080", "pets")  # doctest: +SKIP
>>> [(hit.doc_id, hit.score) for hit in pets.search("a small cat", k=3)]  # doctest: +SKIP
[('d7', 12.25), ('d1', 9.5), ('d4', 3.75)]
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lsr.conversations import Conversation
from lsr.documents import Document, document_from_record
from lsr.errors import (
    ConfigError,
    CorruptIndexError,
    DiskFullError,
    DuplicateIdError,
    IndexExistsError,
    IndexLockedError,
    IndexNotFoundError,
    InvalidInputError,
    LsrError,
    MissingDependencyError,
    ServiceError,
)

if TYPE_CHECKING:
    import httpx

RETRIED = (429, 503)
"""Answers that say to ask again later."""

LONGEST_WAIT_S = 30.0

_ERRORS: dict[str, type[LsrError]] = {
    "duplicate-id": DuplicateIdError,
    "invalid-input": InvalidInputError,
    "invalid-request": InvalidInputError,
    "invalid-name": InvalidInputError,
    "document-not-found": InvalidInputError,
    "index-not-found": IndexNotFoundError,
    "index-exists": IndexExistsError,
    "index-locked": IndexLockedError,
    "index-corrupt": CorruptIndexError,
    "disk-full": DiskFullError,
    "not-supported-by-index": ConfigError,
    "model-not-configured": ConfigError,
}
"""The errors that problems were made of; a problem of another kind is a `ServiceError`."""

Question = str | Conversation | Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RemoteHit:
    """One document found by a service.

    Attributes:
        doc_id: its id.
        score: its score.
        rank: from 1.
        document: what is stored of it.
        details: what else the service said of it: passage, contributions, halves.
    """

    doc_id: str
    score: float
    rank: int
    document: Document
    details: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Client:
    """An index of a service. Use it as a context manager, or `close` it.

    Args:
        url: where the service is, such as ``http://127.0.0.1:8080``.
        index: name of the index.
        key: for services that ask for one.
        timeout_s: how long to wait for an answer.
        retries: how often to ask again after 429 and 503, as long after as the service says, up to
            30 seconds.
        transport: what sends requests, in place of the network.

    Raises:
        MissingDependencyError: httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        index: str,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingDependencyError("lsr.Client", "client") from error
        self._url = url.rstrip("/")
        self._path = f"/v1/indexes/{quote(index, safe='')}"
        self._index = index
        self._retries = retries
        self._failure = httpx.HTTPError
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=timeout_s, transport=transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def search(self, query: Question, k: int = 10, **options: Any) -> list[RemoteHit]:
        """Return the best `k` documents, best first; see `lsr.Index.search`.

        Args:
            query: a text, a `Conversation` or ``{term: weight}``.
            k: at least 1.
            options: more of the request: ``where``, ``offset``, ``commit``, ``alpha``, ``prune``,
                ``bound_factor``, ``max_ranges``, ``timeout_ms``, ``explain``, ``highlight``.

        Raises:
            LsrError: as the index itself would, or a `ServiceError`.
        """
        return _hits(self.search_answer(query, k, **options))

    def search_batch(
        self, queries: Sequence[Question], k: int = 10, **options: Any
    ) -> list[list[RemoteHit]]:
        """Return the hits of each query, all of one commit; see `search`."""
        if not queries:
            return []
        body = {"searches": [_asked(query, k, options) for query in queries]}
        answers = self._send("POST", "/search/batch", body)["answers"]
        for answer in answers:
            if "hits" not in answer:
                raise _error(answer["status"], answer)
        return [_hits(answer) for answer in answers]

    def search_answer(self, query: Question, k: int = 10, **options: Any) -> dict[str, Any]:
        """Return all that the service says to a search; see `search`."""
        return self._send("POST", "/search", _asked(query, k, options))

    def explain(self, query: Question, doc_id: str) -> dict[str, Any]:
        """Return what each word and each term of a query adds to the score of a document."""
        return self._send("POST", "/explain", {"id": doc_id, **_question(query)})

    def add(
        self, documents: Iterable[Mapping[str, Any]], *, on_error: str = "fail"
    ) -> dict[str, Any]:
        """Add documents, or replace those with the same ids; return when they are committed.

        Args:
            documents: records such as ``{"id", "title", "text", ...}`` or ``{"id", "vector"}``,
                sent as they come.
            on_error: ``fail`` to keep nothing when one fails, ``skip`` to keep the others.

        Returns:
            The commit, the counts ``added``, ``replaced`` and ``failed``, and ``results``, one a
            document.
        """
        return self._send_lines("/documents", documents, on_error)

    def delete(self, doc_ids: Iterable[str], *, on_error: str = "fail") -> dict[str, Any]:
        """Delete documents; return as `add` does, with the count ``deleted``."""
        return self._send_lines("/documents/delete", doc_ids, on_error)

    def document(self, doc_id: str) -> Document:
        """Return a stored document.

        Raises:
            InvalidInputError: the index has none of this id.
        """
        answer = self._send("GET", f"/documents/{quote(doc_id, safe='')}")
        return document_from_record(answer["document"], doc_id)

    def info(self) -> dict[str, Any]:
        """Return counts, sizes and settings of the index, as JSON values."""
        return self._send("GET", "")

    def encode(
        self, texts: Sequence[str], *, side: str = "queries", top_k: int | None = None
    ) -> list[dict[str, float]]:
        """Return what the index's model makes of texts: ``{term: weight}`` each.

        Args:
            texts: the texts.
            side: ``queries`` or ``documents``.
            top_k: heaviest terms to return; None for all.
        """
        body = {"texts": list(texts), "index": self._index, "side": side, "top_k": top_k}
        vectors: list[dict[str, float]] = self._ask("POST", "/v1/encode", json=body)["vectors"]
        return vectors

    def _send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        more: dict[str, Any] = {} if body is None else {"json": body}
        return self._ask(method, self._path + path, **more)

    def _send_lines(self, path: str, items: Iterable[object], on_error: str) -> dict[str, Any]:
        # A stream is read once, so one that is refused is not sent again unless it is a sequence.
        lines = _Lines(items) if isinstance(items, Sequence) else _lines(items)
        return self._ask(
            "POST",
            self._path + path,
            can_repeat=isinstance(lines, _Lines),
            content=lines,
            params={"wait": "true", "on_error": on_error},
            headers={"Content-Type": "application/x-ndjson"},
        )

    def _ask(
        self, method: str, path: str, *, can_repeat: bool = True, **request: Any
    ) -> dict[str, Any]:
        attempts = 1 + (self._retries if can_repeat else 0)
        while True:
            attempts -= 1
            try:
                answer = self._http.request(method, self._url + path, **request)
            except self._failure as error:
                raise ServiceError(
                    f"The service at {self._url} does not answer: {error or type(error).__name__}."
                ) from error
            wait_s = answer.headers.get("Retry-After", "")
            if answer.status_code not in RETRIED or not attempts or not wait_s.isdecimal():
                return _values(answer, self._url)
            time.sleep(min(float(wait_s), LONGEST_WAIT_S))


class _Lines:
    """Items as lines of JSON, as often as they are asked for."""

    def __init__(self, items: Sequence[object]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[bytes]:
        return _lines(self._items)


def _lines(items: Iterable[object]) -> Iterator[bytes]:
    for item in items:
        yield json.dumps(item, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _question(query: Question) -> dict[str, Any]:
    if isinstance(query, str):
        return {"query": query}
    if isinstance(query, Conversation):
        return {"conversation": query.as_list()}
    return {"vector": dict(query)}


def _asked(query: Question, k: int, options: Mapping[str, Any]) -> dict[str, Any]:
    more = {("filter" if name == "where" else name): value for name, value in options.items()}
    return {**_question(query), "k": k, **more}


def _hits(answer: Mapping[str, Any]) -> list[RemoteHit]:
    return [
        RemoteHit(
            hit["id"],
            hit["score"],
            hit["rank"],
            document_from_record({"id": hit["id"], **(hit.get("document") or {})}, hit["id"]),
            {name: hit[name] for name in ("passage", "contributions", "halves") if hit.get(name)},
        )
        for hit in answer["hits"]
    ]


def _values(answer: httpx.Response, url: str) -> dict[str, Any]:
    try:
        values = answer.json()
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ServiceError(
            f"What answers at {url} is no service of lsr: status {answer.status_code}.",
            answer.status_code,
        )
    if answer.is_error:
        raise _error(answer.status_code, values)
    return values


def _error(status: int, problem: Mapping[str, Any]) -> LsrError:
    """Return the error that a problem was made of, with its sentence."""
    detail, code = str(problem.get("detail", "")), str(problem.get("code", ""))
    kind = _ERRORS.get(code)
    if kind:
        return kind(detail)
    return ServiceError(detail or f"The service answered with status {status}.", status, code)
