"""How does a dataset of the command line become experiments? Loaded, indexed, measured."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lsr.cli.encoder_options import EncoderOptions
from lsr.cli.long_texts import OnLong, refuse_long
from lsr.cli.output import note

if TYPE_CHECKING:
    from lsr.encoders import Encoder
    from lsr.eval.datasets import Dataset
    from lsr.eval.experiment import Experiment
    from lsr.retrieval import Index
    from lsr.retrieval.writer import AddedDocuments


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
        names = dict.fromkeys(re.split(r"[\s,]+", (splits or "test").strip(" ,")))
        return [load_dataset(dataset, split) for split in names]
    if dataset is None and corpus is not None and queries is not None and qrels is not None:
        if splits is not None:
            raise typer.BadParameter("--split goes with --dataset; --qrels names the judgments.")
        return [load_files(corpus, queries, qrels)]
    raise typer.BadParameter(
        "name either --dataset, or --corpus, --queries and --qrels, to measure a model; or --qrels "
        "with --run, to score runs."
    )


@dataclass(frozen=True, slots=True)
class Measuring:
    """How to measure a system.

    Attributes:
        options: what was said of the encoder.
        backend: what computes it.
        on_long: what to do about long documents.
        index: where the index is or will be; None for one that is thrown away.
        measures: by name; None for those of the dataset.
        name: what to call the system; None for its model and what was said of it.
        threads: of the search.
    """

    options: EncoderOptions
    backend: str
    on_long: OnLong
    index: Path | None
    measures: str | None
    name: str | None
    threads: int

    @property
    def system(self) -> str | None:
        """Name of the system: as told, or all that was said of the encoder; None if nothing was."""
        if self.name is not None or self.options.model is None:
            return self.name
        said = [
            f"{key.replace('_', '-')} {value}"
            for key, value in self.options.settings().items()
            if value is not None and key != "model"
        ]
        return ", ".join([self.options.model, *said])

    def measured(self, datasets: Sequence[Dataset]) -> list[Experiment]:
        """Run one experiment a dataset on one index; they differ in queries and judgments only."""
        from lsr.cli.index_report import IndexReport
        from lsr.cli.progress import progress_bar
        from lsr.corpus import corpus_size, read_documents
        from lsr.eval.experiment import existing_index, run_experiment
        from lsr.eval.measures import parse_measures

        parsed = [parse_measures(self.measures or one.measures) for one in datasets]
        with _index_folder(self.index) as folder:
            existing = existing_index(folder)
            if existing is None:
                read_documents(datasets[0].corpus)  # refuse now what loading would delay
            encoder = self._encoder(existing)
            with progress_bar("documents", corpus_size(datasets[0].corpus)) as bar:
                report = IndexReport(bar)

                def added(documents: AddedDocuments) -> None:
                    if self.on_long is OnLong.ERROR and documents.truncated and encoder:
                        refuse_long(documents.truncated, encoder)
                    report.add(documents, brought_vectors=False)

                experiments = [
                    run_experiment(
                        *(one, folder, encoder, measures),
                        system=self.system,
                        threads=self.threads,
                        listener=report,
                        on_added=added,
                    )
                    for one, measures in zip(datasets, parsed, strict=True)
                ]
            report.finish()
        return experiments

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


@contextmanager
def _index_folder(index: Path | None) -> Iterator[Path]:
    """Yield where the index is or will be: a folder that is removed after use if none is named."""
    if index is not None:
        yield index
        return
    with tempfile.TemporaryDirectory(prefix="lsr-eval-") as folder:
        yield Path(folder) / "index"
