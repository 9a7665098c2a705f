"""How do the figures look? Recall against latency, and latency against the size of a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsr.errors import MissingDependencyError
from lsr.eval.bench.engines.registry import OURS

if TYPE_CHECKING:
    from lsr.eval.bench.growth import GrowthBenchmark
    from lsr.eval.bench.search_result import SearchBenchmark

MARKERS = "osD^vPX"


def require_matplotlib() -> None:
    """Raise MissingDependencyError where plots cannot be made; to ask before hours of work."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("A plot", "bench") from error


def plot_recall(result: SearchBenchmark, path: Path) -> None:
    """Write a PNG of recall and mean latency, one line an engine."""
    with _axes(path) as axes:
        for number, peer in enumerate(dict.fromkeys(one.peer for one in result.contestants)):
            own = sorted(
                (one.mean_ms, one.recall) for one in result.contestants if one.peer == peer
            )
            _line(axes, peer, [recall for _, recall in own], [ms for ms, _ in own], number)
        axes.set_xlim(right=1.005)
        axes.set_xlabel(f"recall@{result.k}")
        axes.set_title(
            f"{result.n_docs:,} documents, {result.order} order, "
            f"{result.n_queries:,} queries of {result.terms_per_query:.0f} terms"
        )


def plot_growth(result: GrowthBenchmark, path: Path) -> None:
    """Write a PNG of mean latency by documents: ours and each engine's fastest exact variant."""
    with _axes(path) as axes:
        for number, (peer, curve) in enumerate(result.curves().items()):
            _line(axes, peer, list(curve), list(curve.values()), number)
        sizes = [step.n_docs for step in result.steps]
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("documents")
        axes.set_title(f"top {result.k}, exact, latency by size of the collection")


@contextmanager
def _axes(path: Path) -> Iterator[Any]:
    """Give axes to draw on and write them as PNG, without a display."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    yield axes
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("mean milliseconds a query, one core")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png", dpi=120)


def _line(axes: Any, peer: str, across: Sequence[float], up: Sequence[float], number: int) -> None:
    color = "black" if peer == OURS else f"C{number}"
    axes.plot(across, up, label=peer, color=color, marker=MARKERS[number % len(MARKERS)])
