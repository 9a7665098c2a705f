"""Which figures stand in a report, and how do they read in Markdown?"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from lsr.eval.cost import Latencies
from lsr.eval.experiment import Experiment
from lsr.eval.measures import Evaluation
from lsr.eval.report_contents import Report, Table
from lsr.eval.significance import ALPHA, Comparison


def report_tables(
    evaluations: Mapping[str, Evaluation],
    experiments: Mapping[str, Experiment],
    comparisons: Sequence[Comparison],
) -> list[Table]:
    """Return the tables of a report: quality, cost where it is known, and comparisons."""
    tables = [_quality(evaluations, experiments)]
    if experiments:
        tables += [_times(experiments), _sizes(experiments)]
    if comparisons:
        tables += [_comparisons(comparisons), *_moved(comparisons)]
    return tables


def as_markdown(report: Report) -> str:
    """Return a report in Markdown, whose charts are files beside it."""
    parts = [f"# {_in_markdown(report.title)}"]
    for table in report.tables:
        parts.append(f"## {_in_markdown(table.title)}")
        lines = [table.columns, ["---"] + ["---:"] * (len(table.columns) - 1), *table.rows]
        cells = [[one if line is lines[1] else _in_markdown(one) for one in line] for line in lines]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in cells))
        if table.note:
            parts.append(_in_markdown(table.note))
    parts += [
        f"## {chart.title}\n\n![{chart.caption}]({chart.name}.svg)\n\n{chart.caption}"
        for chart in report.charts
    ]
    return "\n\n".join([*parts, _in_markdown(report.note)]) + "\n"


def _in_markdown(text: str) -> str:
    """Escape what Markdown, and the HTML that it may hold, would read as more than text."""
    return re.sub(r"([\\`*_\[\]|$~])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _quality(evaluations: Mapping[str, Evaluation], experiments: Mapping[str, Experiment]) -> Table:
    measures = list(next(iter(evaluations.values())).means)
    costs = {name: one.quantization_cost or {} for name, one in experiments.items()}
    knows_costs = any(measures[0] in cost for cost in costs.values())
    rows = []
    for number, (name, one) in enumerate(evaluations.items(), 1):
        row = [f"{number} {name}", *(f"{one.means[measure]:.4f}" for measure in measures)]
        if knows_costs:
            row.append(_signed(costs[name].get(measures[0])))
        rows.append([*row, f"{one.n_without_hits:,} of {one.n_queries:,}"])
    last = [f"8 bits cost {measures[0]}"] if knows_costs else []
    return Table("Quality", ["system", *measures, *last, "queries without hits"], rows)


def _times(experiments: Mapping[str, Experiment]) -> Table:
    rows = []
    for number, (name, one) in enumerate(experiments.items(), 1):
        cost = one.cost
        rates = [f"{rate:,.0f}" for rate in cost.queries_per_second.values()]
        rows.append([f"{number} {name}", *_figures(cost.encoding), *_figures(cost.search), *rates])
    cost = next(iter(experiments.values())).cost
    columns = ["mean", "p50", "p95", "p99"]
    return Table(
        "Time",
        [
            "system",
            *(f"encoding {column} ms" for column in columns),
            *(f"search {column} ms" for column in columns),
            *(f"queries/s, threads: {threads}" for threads in cost.queries_per_second),
        ],
        rows,
        f"One query at a time, warm, of {len(cost.search.ms):,}; the best {cost.k:,} documents "
        "each. Queries a second: searched all at once, encoded before.",
    )


def _figures(latencies: Latencies | None) -> list[str]:
    if latencies is None:
        return ["-"] * 4
    percentiles = [latencies.percentile(share) for share in (50, 95, 99)]
    return [f"{value:.2f}" for value in (latencies.mean, *percentiles)]


def _sizes(experiments: Mapping[str, Experiment]) -> Table:
    rows = []
    for number, (name, one) in enumerate(experiments.items(), 1):
        cost = one.cost
        rows.append(
            [
                f"{number} {name}",
                f"{one.n_docs:,}",
                f"{cost.terms_per_document:.1f}",
                f"{cost.terms_per_query:.1f}",
                f"{cost.flops:.2f}",
                f"{cost.index_bytes / 1e6:,.1f}",
                f"{cost.bytes_per_posting:.2f}",
                "-" if cost.indexing_s is None else f"{cost.indexing_s:,.1f}",
                "-" if cost.peak_memory_bytes is None else f"{cost.peak_memory_bytes / 1e6:,.0f}",
            ]
        )
    columns = ["documents", "terms a document", "terms a query", "FLOPS", "index MB"]
    columns += ["bytes a posting", "indexing s", "peak memory MB"]
    return Table(
        "Size and work",
        ["system", *columns],
        rows,
        "FLOPS: products of weights that a query and a document have on average.",
    )


def _comparisons(comparisons: Sequence[Comparison]) -> Table:
    rows = [
        [
            one.run,
            one.measure,
            f"{one.difference:+.4f}",
            _signed(one.effect_size),
            *(p_in_words(value) for value in (one.p_holm, one.p_randomization_holm)),
            "yes" if one.is_significant else "no",
            f"{one.wins} / {one.ties} / {one.losses}",
        ]
        for one in comparisons
    ]
    columns = ["measure", "difference", "effect size", "p t-test", "p randomization"]
    return Table(
        f"Against {comparisons[0].baseline}",
        ["system", *columns, "significant", "wins / ties / losses"],
        rows,
        f"Paired tests, two-sided, corrected after Holm over the systems of a measure; "
        f"{comparisons[0].n_permutations:,} permutations. Significant: both p below {ALPHA}. "
        "Effect size: Cohen's d of the paired differences.",
    )


def _moved(comparisons: Sequence[Comparison]) -> Iterable[Table]:
    for one in comparisons:
        if one.measure == comparisons[0].measure and one.moved:
            yield Table(
                f"Queries that moved most: {one.measure}, {one.baseline} to {one.run}",
                ["query", "before", "after", "difference"],
                [
                    [
                        query.query_id,
                        f"{query.baseline:.4f}",
                        f"{query.run:.4f}",
                        f"{query.run - query.baseline:+.4f}",
                    ]
                    for query in one.moved
                ],
            )


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def p_in_words(value: float | None) -> str:
    """Write a p value, one that is not known as a dash."""
    if value is None:
        return "-"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
