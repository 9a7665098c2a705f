"""What does a search ask, and what does it answer? The messages of the search paths."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Vector = Annotated[dict[str, Weight], Field(max_length=65_536)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Turn(_Message):
    """One turn of a conversation."""

    role: str = Field(description="user or assistant", examples=["user"])
    text: str = Field(max_length=100_000)


class SearchRequest(_Message):
    """A question: exactly one of `query`, `vector` and `conversation`."""

    query: str | None = Field(
        default=None, max_length=100_000, description="The question, as text."
    )
    vector: Vector | None = Field(default=None, description="The question, as weights of terms.")
    conversation: list[Turn] | None = Field(
        default=None,
        max_length=1_000,
        description="The question and what was said before, oldest first.",
    )
    k: int = Field(default=10, ge=1, description="Hits to return.")
    offset: int = Field(default=0, ge=0, description="Hits to pass over, for the next page.")
    filter: str | dict[str, Any] | None = Field(
        default=None, description="Which documents may be hits.", examples=["year >= 2020"]
    )
    fields: list[str] | None = Field(
        default=None, description="Stored fields to return; none for []; all when left out."
    )
    explain: bool = Field(default=False, description="Say what each word adds to the scores.")
    highlight: bool = Field(
        default=False, description="Return the passage that shows most of the score."
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Search both halves of the index; the dense one's share.",
    )
    prune: str | None = Field(
        default=None, description="Leave out light terms.", examples=["top_k:8"]
    )
    bound_factor: float = Field(
        default=1.0, gt=0, le=1, description="Below 1: faster, may miss hits."
    )
    max_ranges: int | None = Field(
        default=None, ge=1, description="Search only so many ranges a segment."
    )
    timeout_ms: int | None = Field(default=None, ge=1, description="Longest time to search.")
    commit: int | None = Field(
        default=None, ge=0, description="The commit of an answer, for its pages."
    )


class BatchRequest(_Message):
    """Several searches, answered from one snapshot."""

    searches: list[SearchRequest] = Field(min_length=1)
    commit: int | None = Field(
        default=None, ge=0, description="The commit of an answer; the last one when left out."
    )


class Passage(_Message):
    """A passage of a document, and the words in it to mark."""

    text: str
    spans: list[tuple[int, int]]
    is_first: bool
    is_last: bool


class Contribution(_Message):
    """What one word adds to a score."""

    word: str
    share: float
    typed: bool = Field(description="Whether it stands in the query; else the model added it.")


class HalfScore(_Message):
    """What one half of a hybrid index says of a document."""

    score: float | None = Field(description="null where the document is not among its best.")
    scaled: float


class Halves(_Message):
    """What both halves of a hybrid index say of a document."""

    sparse: HalfScore
    dense: HalfScore


class SearchHit(_Message):
    """One document found."""

    rank: int
    id: str
    score: float
    document: dict[str, Any] | None = None
    passage: Passage | None = None
    contributions: list[Contribution] | None = None
    halves: Halves | None = None


class SearchAnswer(_Message):
    """The hits of a question, best first."""

    index: str
    commit: int
    k: int
    offset: int
    has_more: bool
    took_ms: dict[str, float] = Field(description="By stage: queue, encode, score, fetch, total.")
    warnings: list[str] = Field(description="What may explain an unexpected answer.")
    hits: list[SearchHit]


class FailedSearch(_Message):
    """Why a search of a batch has no answer."""

    status: int
    code: str
    detail: str


class BatchAnswer(_Message):
    """The answers to several searches, in their order."""

    index: str
    commit: int
    failed: int = Field(description="How many of them have a problem instead of an answer.")
    answers: list[SearchAnswer | FailedSearch]
