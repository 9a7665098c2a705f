"""How do quality and cost look? Charts as SVG, one for light screens and one for dark ones.

No name that a user chose is drawn: systems have numbers and colours, and the page says which is
whose.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.errors import MissingDependencyError
from lsr.eval.experiment import Experiment
from lsr.eval.measures import Evaluation
from lsr.eval.report_contents import Chart

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")
"""Told apart by those who see colours differently too; after Okabe and Ito, 2008."""

MARKERS = "osD^vPX"
LINE_STYLES = ("-", "--", ":", "-.")
"""So that lines on top of each other both show."""

_INK, _LIGHT_INK = "#222222", "#dddddd"
_WIDTH, _HEIGHT = 4.6, 2.9
"""Inches; shown as wide as a phone, letters of 10 points are still as large as small print."""


def require_matplotlib() -> None:
    """Raise MissingDependencyError where charts cannot be drawn; to ask before hours of work."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("A report", "eval") from error


def draw_charts(
    evaluations: Mapping[str, Evaluation], experiments: Mapping[str, Experiment]
) -> list[Chart]:
    """Draw what is known: all of systems that were measured, the scatter plot of two runs.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require_matplotlib()
    charts = []
    measured = list(experiments.values())
    measure = next(iter(next(iter(evaluations.values())).means))
    if measured:
        charts += [_latency_chart(measured), _length_chart(measured)]
    if len(measured) > 1:
        charts.append(pareto_chart(_points(measured, measure), measure))
    if len(evaluations) > 1:
        charts.append(_scatter_chart(list(evaluations.values()), measure))
    return charts


def color_of(number: int) -> str:
    """Return the colour of a system; the first has number 0."""
    return COLORS[number % len(COLORS)]


def _latency_chart(measured: Sequence[Experiment]) -> Chart:
    def draw(figure: Any) -> None:
        upper, lower = figure.subplots(2, 1)
        encodings = [one.cost.encoding.ms if one.cost.encoding else [] for one in measured]
        _histogram(upper, [np.array(ms) for ms in encodings], "encoding, ms a query")
        _histogram(lower, [np.array(one.cost.search.ms) for one in measured], "search, ms a query")

    caption = "Queries by the time that they take, one at a time."
    return drawn("latency", "Latency", caption, draw, 1.5 * _HEIGHT)


def _length_chart(measured: Sequence[Experiment]) -> Chart:
    def draw(figure: Any) -> None:
        upper, lower = figure.subplots(2, 1)
        lengths = [one.cost.documents_by_terms for one in measured]
        documents = [np.repeat([*one], [*one.values()]) for one in lengths]
        _histogram(upper, documents, "terms of a document", is_log=False)
        queries = [np.array(one.cost.query_terms) for one in measured]
        _histogram(lower, queries, "terms of a query", is_log=False)

    caption = "Documents and queries by the number of their terms."
    return drawn("terms", "Terms", caption, draw, 1.5 * _HEIGHT)


def pareto_chart(points: Sequence[tuple[float, float]], measure: str) -> Chart:
    """Draw the mean milliseconds a query and the quality of systems, in their order."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        best = pareto_front(points)
        axes.plot(*zip(*best, strict=True), color="#888888", linestyle="--", zorder=1)
        for number, (ms, value) in enumerate(points):
            axes.scatter(
                ms, value, s=60, color=color_of(number), marker=marker_of(number), zorder=2
            )
            axes.annotate(f"{number + 1}", (ms, value), (6, 6), textcoords="offset points")
        _log_scale(axes)
        axes.margins(0.15)
        axes.set_xlabel("mean milliseconds a query, encoding and search")
        axes.set_ylabel(measure)

    caption = "Quality by time. A dashed line joins the systems that no other beats in both."
    return drawn("pareto", "Quality and time", caption, draw)


def _scatter_chart(evaluations: Sequence[Evaluation], measure: str) -> Chart:
    first, second = (one.per_query[measure] for one in evaluations[:2])

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        values = np.array([(first[query_id], second[query_id]) for query_id in first])
        axes.axline((0, 0), slope=1, color="#888888", linewidth=1)
        axes.scatter(*values.T, s=22, alpha=0.5, color=color_of(0), linewidths=0)
        axes.set_aspect("equal")
        axes.set_xlabel(f"{measure} of system 1")
        axes.set_ylabel(f"{measure} of system 2")

    caption = "Each dot is a query; above the line system 2 is better, below it system 1."
    return drawn("queries", "Single queries", caption, draw, 1.3 * _HEIGHT)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (cost, value) points that no other beats in both, by rising cost.

    Example:
        >>> pareto_front([(3.0, 0.9), (1.0, 0.5), (2.0, 0.4)])
        [(1.0, 0.5), (3.0, 0.9)]
    """
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((cost, value))
    return front


def _points(measured: Sequence[Experiment], measure: str) -> list[tuple[float, float]]:
    return [(milliseconds(one), one.index.means[measure]) for one in measured]


def milliseconds(experiment: Experiment) -> float:
    """Return how long a query takes on average, encoding and search."""
    encoding = experiment.cost.encoding
    return experiment.cost.search.mean + (encoding.mean if encoding else 0.0)


def marker_of(number: int) -> str:
    """Return the marker of a system; the first has number 0."""
    return MARKERS[number % len(MARKERS)]


def _histogram(
    axes: Any, values: Sequence[NDArray[Any]], label: str, *, is_log: bool = True
) -> None:
    """Draw the outlines of histograms over the same bins."""
    together = np.concatenate(values)
    if together.size:
        low, high = float(together.min()), float(together.max())
        if is_log:
            low = max(low, 1e-4)
            bins = np.geomspace(low, max(high, 1.01 * low), 41)
            _log_scale(axes)
        else:
            bins = np.linspace(low, max(high, low + 1), 41)
        for number, one in enumerate(values):
            axes.hist(
                *(one, bins),
                histtype="step",
                linewidth=1.6,
                color=color_of(number),
                linestyle=LINE_STYLES[number % len(LINE_STYLES)],
            )
    axes.set_xlabel(label)
    axes.set_ylabel("number")


def _log_scale(axes: Any) -> None:
    """Scale the axis across by powers, and write its numbers plainly."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def drawn(
    name: str, title: str, caption: str, draw: Callable[[Any], None], height: float = _HEIGHT
) -> Chart:
    """Draw a chart for both kinds of screens; `draw` fills a figure, `height` is in inches."""
    light = _svg(draw, height)
    return Chart(name, title, caption, light, light.replace(_INK.encode(), _LIGHT_INK.encode()))


def _svg(draw: Callable[[Any], None], height: float) -> bytes:
    """Draw a figure on no background, its letters in one colour, the same bytes every time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    )
    with mpl.rc_context({**style, "svg.hashsalt": "lsr", "font.size": 10}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
            axes.grid(visible=True, alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue()
