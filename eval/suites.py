"""How does a system do on a whole suite of datasets? One after the other; what is done stays done.

Each dataset's result is a file, so that a suite that was interrupted goes on where it stopped. What
could not be measured is named with its reason, and a mean says of how many datasets it is one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsr.errors import ConfigError, EvaluationError, InvalidInputError
from lsr.eval.datasets import Dataset, load_dataset
from lsr.eval.experiment import Experiment
from lsr.eval.official_measures import official_measures
from lsr.eval.output_file import made_folder
from lsr.eval.stored_experiments import store_experiment, stored_experiment

SUITES = {
    # Those that anybody can download, but for MS MARCO and CQADupStack; the mean that papers on
    # learned sparse retrieval give, since Formal et al., "SPLADE v2", 2021.
    "beir-13": {
        "arguana": "beir/arguana",
        "climate-fever": "beir/climate-fever",
        "dbpedia-entity": "beir/dbpedia-entity/test",
        "fever": "beir/fever/test",
        "fiqa": "beir/fiqa/test",
        "hotpotqa": "beir/hotpotqa/test",
        "nfcorpus": "beir/nfcorpus/test",
        "nq": "beir/nq",
        "quora": "beir/quora/test",
        "scidocs": "beir/scidocs",
        "scifact": "beir/scifact/test",
        "trec-covid": "beir/trec-covid",
        "webis-touche2020": "beir/webis-touche2020/v2",
    },
    # The forums of CQADupStack, whose mean is one dataset of BEIR.
    "cqadupstack": {
        name: f"beir/cqadupstack/{name}"
        for name in (
            *("android", "english", "gaming", "gis", "mathematica", "physics", "programmers"),
            *("stats", "tex", "unix", "webmasters", "wordpress"),
        )
    },
    # Fifty queries of each of 13 sets, over a few thousand documents: minutes, not days.
    "nano-beir": {
        name: f"nano-beir/{name}"
        for name in (
            *("arguana", "climate-fever", "dbpedia-entity", "fever", "fiqa", "hotpotqa"),
            *("msmarco", "nfcorpus", "nq", "quora", "scidocs", "scifact", "webis-touche2020"),
        )
    },
}
"""{suite: {name of a dataset, and of its folder: its id in ir_datasets}}."""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What was measured of a suite.

    Attributes:
        suite: its name.
        experiments: {dataset: its experiment}.
        missing: {dataset: why it was not measured}.
    """

    suite: str
    experiments: dict[str, Experiment]
    missing: dict[str, str]

    @property
    def means(self) -> dict[str, float]:
        """{measure: mean over the datasets that were measured by it, if all of them were}."""
        return mean_values([one.index.means for one in self.experiments.values()])

    @property
    def extent(self) -> str:
        """Of how many datasets the means are, in words."""
        n_measured, n_missing = len(self.experiments), len(self.missing)
        return f"{n_measured} of {n_measured + n_missing}" if n_missing else str(n_measured)


def mean_values(means: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return {measure: mean over datasets} of the measures that all of them were measured by.

    Example:
        >>> mean_values([{"nDCG@10": 0.25, "RR@10": 0.5}, {"nDCG@10": 0.75}])
        {'nDCG@10': 0.5}
    """
    first, *others = means
    return {
        measure: statistics.fmean([mean, *(other[measure] for other in others)])
        for measure, mean in first.items()
        if all(measure in other for other in others)
    }


def run_suite(
    suite: str,
    folder: Path | None,
    results: Path,
    system: str,
    measure_names: Callable[[Dataset], set[str]],
    measure: Callable[[Dataset], Experiment],
    on_done: Callable[[str, str], None],
) -> SuiteResult:
    """Measure a system on the datasets of a suite that have no result yet.

    Args:
        suite: one of `SUITES`.
        folder: holds a folder in BEIR's layout for each dataset; None to ask ir_datasets.
        results: holds the result of each dataset as ``NAME.json``; made if it is not there.
        system: name of what is measured.
        measure_names: measures that a dataset is to be measured by.
        measure: measures the system on a dataset.
        on_done: hears of every dataset: its name, and how it went.

    Raises:
        ConfigError: there is no such suite, or the results are of another system.
        EvaluationError: no dataset could be measured.
        InvalidInputError: the results cannot be written, or one of them is damaged.
    """
    if suite not in SUITES:
        raise ConfigError(f"The suite {suite!r} is unknown; there is {', '.join(SUITES)}.")
    made_folder(results, "results")
    known = {name: _known(results / f"{name}.json", system) for name in SUITES[suite]}
    experiments, missing = {}, {}
    for name, dataset_id in SUITES[suite].items():
        try:
            dataset = _loaded(name, dataset_id, folder)
            done = known[name]
            if done is not None:
                _refuse_other_queries(results / f"{name}.json", done, dataset)
            if done is not None and measure_names(dataset) <= done.index.means.keys():
                on_done(name, "measured before")
            else:
                done = measure(dataset)
                store_experiment(results / f"{name}.json", done)
                on_done(name, "measured")
            experiments[name] = done
        except (ConfigError, EvaluationError, InvalidInputError) as error:
            missing[name] = str(error)
            on_done(name, f"left out: {error}")
    if not experiments:
        name, reason = next(iter(missing.items()))
        raise EvaluationError(f"No dataset of {suite} could be measured; of {name}: {reason}")
    return SuiteResult(suite, experiments, missing)


def _loaded(name: str, dataset_id: str, folder: Path | None) -> Dataset:
    if folder is None:
        return load_dataset(dataset_id)
    if not (folder / name).is_dir():
        raise ConfigError(f"There is no folder {folder / name}.")
    # A folder's name says less than the suite: forums of CQADupStack are called english, or stats.
    return replace(load_dataset(str(folder / name)), measures=official_measures(dataset_id))


def _known(path: Path, system: str) -> Experiment | None:
    if not path.exists():
        return None
    found = stored_experiment(path)
    if found.system != system:
        raise ConfigError(
            f"{path} is a result of {found.system!r}, not of {system!r}; name another folder for "
            "these results."
        )
    return found


def _refuse_other_queries(path: Path, found: Experiment, dataset: Dataset) -> None:
    """Refuse the result of a namesake: suites share names of datasets."""
    (values, *_) = found.index.per_query.values()
    if values.keys() != {qrel.query_id for qrel in dataset.qrels}:
        raise ConfigError(
            f"{path} is a result on other queries, those of {found.dataset!r}; name another folder "
            "for these results."
        )
