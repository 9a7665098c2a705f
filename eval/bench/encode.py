"""How fast are texts encoded, beside sentence-transformers and with the same weights?

Every contestant encodes the same texts in the same process. The first run of each warms up and
gives its vectors; the timed runs follow in turns, so that a slow spell of the machine hits all
alike. The figure is the median. Vectors are compared with those of the peer in float32.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from lsr.encoders import Encoder, Precision, load_encoder
from lsr.encoders.torch_network import quiet_transformers
from lsr.encoders.locating import locate_model
from lsr.errors import ConfigError, InvalidInputError
from lsr.eval.bench.machine import Machine, this_machine
from lsr.eval.bench.table import aligned
from lsr.sparse import SparseBatch

PEERS = ("sentence-transformers",)
PEER_BATCH_SIZE = 32
"""The peer's default. On two cores 8 to 64 differ by a few percent."""

MISSING_PEER = '{} is not installed, so it is not compared: pip install "lsr-engine[bench]"'

Encode = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to encode, and how it did.

    Attributes:
        name: library and precision.
        docs_per_second: median of the runs.
        tokens_per_second: the same runs, counted in tokens.
        seconds: of each run, in order.
        largest_difference: of a weight to the reference's; 0 for the reference itself.
    """

    name: str
    docs_per_second: float
    tokens_per_second: float
    seconds: tuple[float, ...]
    largest_difference: float


@dataclass(frozen=True, slots=True)
class EncodeBenchmark:
    """Result of `bench_encode`.

    Attributes:
        model: what the user named.
        n_docs: texts encoded in every run.
        n_tokens: their tokens as far as `max_length` reads them, special tokens left out.
        max_length: tokens of a text that are read.
        reference: contestant that the others' speed and weights are compared with.
        contestants: ours first.
        notes: what was not compared, and why.
        machine: where it was measured.
    """

    model: str
    n_docs: int
    n_tokens: int
    max_length: int
    reference: str
    contestants: tuple[Contestant, ...]
    notes: tuple[str, ...]
    machine: Machine

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return asdict(self)

    def as_table(self) -> str:
        """Return the result as text, with everything that is needed to repeat it."""
        n_runs = len(self.contestants[0].seconds)
        (base,) = (one for one in self.contestants if one.name == self.reference)
        rows = [("", "docs/s", "tokens/s", "ratio", "largest difference")]
        rows += [
            (
                one.name,
                f"{one.docs_per_second:,.1f}",
                f"{one.tokens_per_second:,.0f}",
                f"{one.docs_per_second / base.docs_per_second:.1f}x",
                "reference" if one.name == self.reference else f"{one.largest_difference:.2g}",
            )
            for one in self.contestants
        ]
        return "\n".join(
            [
                *aligned(rows),
                "",
                f"{self.n_docs:,} texts of {self.n_tokens / self.n_docs:.0f} tokens (cut at "
                f"{self.max_length}), model {self.model}; median of {n_runs} runs in turns, after "
                f"a warm-up; peers in batches of {PEER_BATCH_SIZE}; load of the model left out.",
                *self.notes,
                str(self.machine),
            ]
        )


def bench_encode(
    model: str,
    texts: Sequence[str],
    *,
    peers: Sequence[str] = PEERS,
    runs: int = 3,
    max_length: int = 256,
) -> EncodeBenchmark:
    """Time the encoding of `texts` by `lsr` and by peers.

    Args:
        model: as `load_encoder` takes it.
        texts: not empty, none blank.
        peers: of `PEERS`; one that is not installed is noted in the result.
        runs: timed runs of each contestant.
        max_length: tokens of a text that are read.

    Raises:
        ConfigError: a peer is unknown.
        InvalidInputError: there is nothing to encode, or no run.
    """
    if unknown := set(peers) - set(PEERS):
        raise ConfigError(f"There is no peer {min(unknown)!r}; known are {', '.join(PEERS)}.")
    if not texts or runs < 1:
        raise InvalidInputError(f"{len(texts)} texts and {runs} runs make no benchmark.")
    missing = [peer for peer in peers if importlib.util.find_spec(peer.replace("-", "_")) is None]
    machine = this_machine(("lsr-engine", "torch", "transformers", *PEERS))
    encoders = _own_encoders(model, max_length)
    n_tokens = _count_tokens(encoders[0], texts, max_length)
    contestants: dict[str, Encode] = {
        f"lsr {encoder.settings['precision']}": encoder.encode_documents for encoder in encoders
    }
    if "sentence-transformers" in peers and not missing:
        contestants |= _sentence_transformers(model, max_length)
    vectors = {name: _as_batch(encode(texts)) for name, encode in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, encode in contestants.items():
            started = time.perf_counter()
            encode(texts)
            seconds[name].append(time.perf_counter() - started)
    reference = next(reversed(contestants))  # the last is the independent one, in float32
    return EncodeBenchmark(
        model=model,
        n_docs=len(texts),
        n_tokens=n_tokens,
        max_length=max_length,
        reference=reference,
        contestants=tuple(
            Contestant(
                name=name,
                docs_per_second=len(texts) / statistics.median(seconds[name]),
                tokens_per_second=n_tokens / statistics.median(seconds[name]),
                seconds=tuple(seconds[name]),
                largest_difference=_largest_difference(vectors[name], vectors[reference]),
            )
            for name in contestants
        ),
        notes=tuple(MISSING_PEER.format(peer) for peer in missing),
        machine=machine,
    )


def _own_encoders(model: str, max_length: int) -> list[Encoder]:
    precisions = dict.fromkeys((Precision.AUTO.resolved(), Precision.FLOAT32))
    return [load_encoder(model, max_length=max_length, precision=one) for one in precisions]


def _sentence_transformers(model: str, max_length: int) -> dict[str, Encode]:
    import torch
    from sentence_transformers import SparseEncoder

    folder = str(locate_model(model))
    contestants: dict[str, Encode] = {}
    for dtype in (torch.bfloat16, torch.float32):
        with quiet_transformers():
            peer = SparseEncoder(folder, device="cpu", model_kwargs={"dtype": dtype})
        peer.max_seq_length = max_length
        contestants[f"sentence-transformers {str(dtype).removeprefix('torch.')}"] = partial(
            peer.encode_document, batch_size=PEER_BATCH_SIZE, show_progress_bar=False
        )
    return contestants


def _count_tokens(encoder: Encoder, texts: Sequence[str], max_length: int) -> int:
    return sum(min(max_length, len(encoder.term_spans(text))) for text in texts)


def _as_batch(vectors: Any) -> SparseBatch:
    return vectors if isinstance(vectors, SparseBatch) else SparseBatch.from_matrix(vectors)


def _largest_difference(ours: SparseBatch, reference: SparseBatch) -> float:
    return float(abs(ours.to_scipy() - reference.to_scipy()).max())
