import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from experiments import made_up_experiment
from lsr.errors import MissingDependencyError
from lsr.eval.experiment import Experiment
from lsr.eval.report_charts import draw_charts, pareto_front


def _charts(*experiments: Experiment) -> list[str]:
    named = {one.system: one for one in experiments}
    return [
        chart.name for chart in draw_charts({key: one.index for key, one in named.items()}, named)
    ]


def test_one_system_has_no_rivals_to_draw() -> None:
    assert _charts(made_up_experiment("a")) == ["latency", "terms"]


def test_two_systems_are_drawn_against_each_other() -> None:
    assert _charts(made_up_experiment("a"), made_up_experiment("b", values=(0.1, 0.9))) == [
        *("latency", "terms", "pareto", "queries"),
    ]


def test_runs_without_times_are_drawn_query_by_query() -> None:
    evaluations = {name: made_up_experiment(name).index for name in ("a", "b", "c")}

    assert [chart.name for chart in draw_charts(evaluations, {})] == ["queries"]


def test_a_chart_is_an_svg_for_each_colour_of_screen_and_the_same_every_time() -> None:
    named = {"a": made_up_experiment("a")}
    evaluations = {"a": named["a"].index}

    charts = draw_charts(evaluations, named)

    assert charts == draw_charts(evaluations, named)
    for chart in charts:
        for svg in (chart.light, chart.dark):
            assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"#222222" in chart.light
        assert b"#dddddd" in chart.dark


def test_no_name_is_drawn() -> None:
    """A dollar sign alone would be half a formula, and an underscore first hide a line."""
    names = ["$x", "_y"]
    named = {name: made_up_experiment(name) for name in names}

    charts = draw_charts({name: one.index for name, one in named.items()}, named)

    assert not any(name.encode() in chart.light for chart in charts for name in names)


def test_times_of_nothing_and_of_one_query_can_be_drawn() -> None:
    assert _charts(made_up_experiment(values=(0.5,), search_ms=(0.0,)))


def test_the_front_is_what_no_other_point_beats() -> None:
    """Compared with the definition: nobody is as cheap and better, nor cheaper and as good."""
    points = [
        (float(cost), float(value))
        for cost, value in np.random.default_rng(2).integers(0, 12, (40, 2))
    ]

    def is_beaten(cost: float, value: float) -> bool:
        return any(
            (other_cost <= cost and other > value) or (other_cost < cost and other >= value)
            for other_cost, other in points
        )

    assert pareto_front(points) == sorted({point for point in points if not is_beaten(*point)})


def test_names_the_extra_that_brings_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingDependencyError, match=r"lsr-engine\[eval\]"):
        _charts(made_up_experiment())
