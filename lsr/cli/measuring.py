"""How does a dataset of the command line become experiments? Loaded, indexed, measured."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from lsr.cli.encoder_options import EncoderOptions
from lsr.cli.engine_option import searching_engine
from lsr.cli.long_texts import OnLong, refuse_long
from lsr.cli.output import note

if TYPE_CHECKING:
    from lsr.encoders import Encoder
    from lsr.eval.datasets import Dataset
    from lsr.eval.experiment import Experiment
    from lsr.retrieval import Index
    from lsr.retrieval.writer import AddedDocuments

SHARDS_S = 600.0
"""Time that shards have to answer all queries of a dataset, which are asked at once."""


def loaded_datasets(
    dataset: str | None,
    splits: str | None,
    corpus: str | None,
    queries: Path | None,
    qrels: Path | None,
) -> list[Dataset]:
    """Load what is named: the splits of a dataset, or the one that three files make."""
    from lsr.eval.datasets import load_dataset, load_files

    if dataset is not None and (corpus, queries, qrels) == (None, None, None):
        names = dict.fromkeys(re.findall(r"[^\s,]+", "test" if splits is None else splits))
        if not names:
            raise typer.BadParameter("--split names nothing; leave it out for test.")
        return [load_dataset(dataset, split) for split in names]
    if dataset is None and corpus is not None and queries is not None and qrels is not None:
        if splits is not None:
            raise typer.BadParameter("--split goes with --dataset; --qrels names the judgments.")
        return [load_files(corpus, queries, qrels)]
    raise typer.BadParameter(
        "name either --dataset, or --corpus, --queries and --qrels, to measure a model; or --qrels "
        "with --run, to score runs."
    )


class Baseline(StrEnum):
    """What systems are compared with."""

    BM25 = "bm25"


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure systems: a baseline, a model, or both.

    Attributes:
        options: what was said of the encoder.
        backend: what computes it.
        on_long: what to do about long documents.
        index: where the index is or will be; None for one that is thrown away.
        measures: by name; None for those of the dataset.
        name: what to call the system; None for its model and what was said of it.
        threads: of the search.
        baseline: what to measure first; None for the model alone.
        alpha: share of the dense half in a hybrid search, which is measured after both halves;
            None to measure the sparse half alone.
        engine: what searches the index.
    """

    options: EncoderOptions
    backend: str
    on_long: OnLong
    index: str | None
    measures: str | None
    name: str | None
    threads: int
    baseline: Baseline | None
    alpha: float | None
    engine: str

    @property
    def has_model(self) -> bool:
        """Whether a model is measured; else only the baseline is."""
        return self.baseline is None or self.options.model is not None or self.index is not None

    @property
    def system(self) -> str | None:
        """Name of the system: as told, or all that was said of it; None if nothing was."""
        if self.name is not None:
            return self.name
        if not self.has_model:
            return self._baseline_name
        if self.options.model is None:
            return None
        said = [
            f"{key.replace('_', '-')} {value}"
            for key, value in self.options.settings().items()
            if value is not None and key != "model"
        ]
        return ", ".join([self.options.model, *said])

    @property
    def n_systems(self) -> int:
        """How many systems are measured."""
        n_halves = 1 if self.alpha is None else 3
        return (self.baseline is not None) + (n_halves if self.has_model else 0)

    def refuse_contradictions(self) -> None:
        """Refuse what is said of a model where none is, and a model that is called as the baseline.

        Raises:
            typer.BadParameter: as above.
        """
        if self.baseline is None:
            return
        if self.has_model:
            if self.name == self._baseline_name:
                raise typer.BadParameter(
                    f"the baseline is called {self.name} already; --name the model otherwise."
                )
            return
        said = {**self.options.settings(), "hybrid": self.alpha, "template": None}
        for name, value in said.items():
            if value is not None:
                option = {"passages": "on-long"}.get(name, name.replace("_", "-"))
                raise typer.BadParameter(f"--{option} goes with a model; name a --model as well.")

    def measures_of(self, dataset: Dataset) -> list[Any]:
        """Return the measures that were named, else those of the dataset."""
        from lsr.eval.measures import parse_measures

        return parse_measures(dataset.measures if self.measures is None else self.measures)

    def measured(self, datasets: Sequence[Dataset]) -> list[list[Experiment]]:
        """Measure all systems on datasets of one corpus, the baseline first.

        Returns:
            For each dataset, an experiment for each system.
        """
        parsed = [self.measures_of(one) for one in datasets]
        with _index_folder(self.index) as folder:
            # Whatever may be wrong with the model is said before anything takes time.
            encoder = self._opened(datasets[0], folder) if self.has_model else None
            found: list[list[Experiment]] = [[] for _ in datasets]
            if self.baseline is not None:
                for row, one in zip(found, self._by_baseline(datasets, parsed), strict=True):
                    row.append(one)
            if self.has_model:
                experiments = self._by_model(datasets, parsed, folder, encoder)
                for row, several in zip(found, experiments, strict=True):
                    row += several
        return found

    @property
    def _baseline_name(self) -> str:
        from lsr.eval.bm25 import NAME

        template = self.options.template
        return NAME if template is None else f"{NAME}, template {template}"

    def _by_baseline(
        self, datasets: Sequence[Dataset], measures: Sequence[list[Any]]
    ) -> list[Experiment]:
        from lsr.cli.progress import progress_bar
        from lsr.corpus import corpus_size
        from lsr.eval.bm25 import Bm25

        name = self._baseline_name if self.has_model else str(self.system)
        corpus = datasets[0].corpus
        with tempfile.TemporaryDirectory(prefix="lsr-eval-") as folder:
            with progress_bar("documents", corpus_size(corpus)) as bar:
                bm25 = Bm25(
                    *(corpus, Path(folder) / "index"),
                    template=self.options.template,
                    on_read=bar.advance,
                )
            return [
                bm25.measure(one, parsed, system=name, threads=self.threads)
                for one, parsed in zip(datasets, measures, strict=True)
            ]

    def _by_model(
        self,
        datasets: Sequence[Dataset],
        measures: Sequence[list[Any]],
        folder: Path,
        encoder: Encoder | None,
    ) -> list[list[Experiment]]:
        """Run experiments on one index; those of several datasets differ in queries and qrels."""
        from lsr.cli.index_report import IndexReport
        from lsr.cli.progress import progress_bar
        from lsr.corpus import corpus_size
        from lsr.documents import DocumentBatch
        from lsr.encoders.text_template import encoded_text
        from lsr.eval.experiment import run_experiment

        with (
            searching_engine(self.engine, "fail", SHARDS_S) as placed,
            progress_bar("documents", corpus_size(datasets[0].corpus)) as bar,
        ):
            settings = encoder.settings if encoder else {}
            report = IndexReport(bar, lambda document: encoded_text(document, settings))

            def added(documents: AddedDocuments) -> None:
                n_terms = documents.vectors.active_dims.tolist()
                without = [
                    one for one, n in zip(documents.documents, n_terms, strict=True) if not n
                ]
                report.look_at(DocumentBatch(without))
                if self.on_long is OnLong.ERROR and documents.truncated and encoder:
                    refuse_long(documents.truncated, encoder)
                report.add(documents, brought_vectors=False)

            experiments = [
                [
                    run_experiment(
                        *(one, folder, encoder, parsed),
                        system=self.system,
                        threads=self.threads,
                        alpha=alpha,
                        placed=placed,
                        listener=report,
                        on_added=added,
                    )
                    for alpha in self._alphas
                ]
                for one, parsed in zip(datasets, measures, strict=True)
            ]
        report.finish()
        if self.alpha is None:
            return experiments
        return [
            [
                replace(one, system=f"{one.system}, {half}")
                for one, half in zip(
                    row, ("sparse", "dense", f"hybrid {self.alpha:g}"), strict=True
                )
            ]
            for row in experiments
        ]

    @property
    def _alphas(self) -> Sequence[float | None]:
        return [None] if self.alpha is None else [None, 1.0, self.alpha]

    def _opened(self, dataset: Dataset, folder: Path) -> Encoder | None:
        """Return the encoder to measure with, None where an index brings its own."""
        from lsr.corpus import read_documents
        from lsr.eval.experiment import existing_index

        existing = existing_index(folder)
        if existing is None:
            read_documents(dataset.corpus)  # refuse now what loading would delay
        elif self.alpha is not None:
            existing.refuse_hybrid()
        encoder = self._encoder(existing)
        if existing is None and encoder is not None and self.alpha is not None:
            _refuse_without_dense_half(encoder)
        return encoder

    def _encoder(self, existing: Index | None) -> Encoder | None:
        """Load the encoder that was named; None where an index brings its own."""
        if existing is not None:
            note(
                f"The index at {existing.path} is used as it is. It holds rounded weights only: to "
                "see what the rounding costs, name an --index that does not exist yet, or none."
            )
            if existing.has_encoder:
                existing.refuse_other_encoder(self.options.settings())
                return None
        if self.options.model is None:
            if existing is None:
                raise typer.BadParameter(
                    "name a --model to index the corpus with, or an --index of it."
                )
            return None
        return self.options.load(self.backend)


def _refuse_without_dense_half(encoder: Encoder) -> None:
    from lsr.errors import ConfigError
    from lsr.retrieval.dense_encoding import dense_size_of

    if not dense_size_of(encoder):
        raise ConfigError(
            f"The model {encoder.model} gives texts no dense half; leave out --hybrid, or name a "
            "method that has one, such as --method promptreps."
        )


@contextmanager
def _index_folder(index: str | None) -> Iterator[Path]:
    """Yield where the index is or will be: a folder that is removed after use if none is named."""
    if index is not None:
        from lsr.index import readable_folder

        yield readable_folder(index)
        return
    with tempfile.TemporaryDirectory(prefix="lsr-eval-") as folder:
        yield Path(folder) / "index"
