"""Which matrices are worth pruning? What each takes, and what it costs to remove more and more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsr.compression.analysis import N_TOKENS, MatrixAnalysis
from lsr.eval.bench.plots import require_matplotlib


def plot_analysis(found: Sequence[MatrixAnalysis], path: Path) -> None:
    """Write a PNG with three rows, a column for each matrix: microseconds, error and terms.

    Args:
        found: from `lsr.compression.analysis.analyze`.
        path: to write.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6.0, 0.5 * len(found)), 8), layout="constrained")
    FigureCanvasAgg(figure)
    times, errors, terms = figure.subplots(3, sharex=True)
    shares = dict.fromkeys(pruned.share for one in found for pruned in one.pruned)
    times.plot([one.microseconds for one in found], "k_", markersize=12, label="dense")
    for number, share in enumerate(shares):
        own = [
            (place, pruned)
            for place, one in enumerate(found)
            for pruned in one.pruned
            if pruned.share == share
        ]
        across = [place for place, _ in own]
        style = {
            "color": f"C{number}",
            "marker": "o",
            "linestyle": "",
            "label": f"{share:.0%} gone",
        }
        times.plot(across, [pruned.microseconds for _, pruned in own], **style)
        errors.plot(across, [100 * pruned.error for _, pruned in own], **style)
        terms.plot(across, [100 * pruned.terms for _, pruned in own], **style)
    times.set_yscale("log")
    times.set_ylabel(f"microseconds, {N_TOKENS} tokens")
    errors.set_ylabel("error of the outputs, %")
    terms.axhline(100, color="black", linewidth=1)
    terms.set_ylabel("terms of a document, %")
    terms.set_xticks(range(len(found)), [one.name for one in found], rotation=90)
    times.legend(ncols=3)
    for axes in (times, errors, terms):
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
