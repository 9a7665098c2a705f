"""How was a run made? A file of ir_metadata 0.2 beside it, for readers who do not know us.

The sections are those of the standard: platform, implementation, data, method, resources, and room
for actor and research goal, which only a person can fill. Nothing is written that says who or where
one is: no user, no host, no other packages, no source code (docs/adr/0011).

Paper: Breuer, Keller, Schaer, "ir_metadata: An Extensible Metadata Schema for IR Experiments",
SIGIR 2022.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsr.eval.bench.machine import this_machine
from lsr.eval.experiment import Experiment
from lsr.eval.output_file import replacing

SCHEMA_VERSION = "0.2"
PACKAGE = "lsr-engine"


def metadata_path(run: Path) -> Path:
    """Return where the metadata of a run stand: beside it, ``.ir_metadata.yml`` after its name."""
    return run.with_name(f"{run.name}.ir_metadata.yml")


def write_metadata(
    path: Path, experiment: Experiment, arguments: Sequence[str] | None = None
) -> None:
    """Write what is known of a run.

    Args:
        path: the file.
        experiment: what made the run.
        arguments: of the command `lsr`; those of this process if None.

    Raises:
        InvalidInputError: the file cannot be written.
        DiskFullError: no space is left.
    """
    import yaml

    with replacing(path, "metadata") as file:
        text = yaml.safe_dump(
            run_metadata(experiment, sys.argv[1:] if arguments is None else arguments),
            sort_keys=False,
        )
        file.write(text.encode())


def run_metadata(experiment: Experiment, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the sections of ir_metadata as YAML values."""
    cost, machine = experiment.cost.as_dict(), this_machine()
    return {
        "schema version": SCHEMA_VERSION,
        "tag": experiment.system,
        "actor": {"name": None, "team": None},
        "platform": {
            "hardware": {
                "cpu": {
                    "model": machine.cpu,
                    "architecture": platform.machine(),
                    "number of cores": machine.n_cores,
                },
            },
            "operating system": {"kernel": f"{platform.system()} {platform.release()}"},
            "software": {
                "libraries": {"python": [f"python=={machine.python}"]},
                "retrieval toolkit": [f"{PACKAGE}=={importlib.metadata.version(PACKAGE)}"],
            },
        },
        "implementation": {
            "executable": {"cmd": ["lsr", *arguments]},
            "source": {"lang": "python", "repository": None, "commit": None},
        },
        "research goal": {
            "evaluation": {
                "reported measures": list(experiment.index.means),
                "results": experiment.index.means,
            }
        },
        "data": {
            "test collection": {
                "name": experiment.dataset,
                "qrels": experiment.split or None,
                "documents": experiment.n_docs,
                "topics": experiment.n_queries,
            }
        },
        "method": {
            "automatic": True,
            "score ties": "none: scores of a query fall strictly, so every reader keeps the order",
            "indexing": {"encoder": experiment.encoder},
            "retrieval": [
                {
                    "name": experiment.retrieval,
                    "k": cost["k"],
                }
            ],
        },
        "resources": {
            "runtime": {
                "indexing": cost["indexing_s"],
                "encoding of a query": cost["encoding"],
                "search of a query": cost["search"],
                "queries per second by threads": cost["queries_per_second"],
            },
            "ram": {"peak of the process in bytes": cost["peak_memory_bytes"]},
            "storage": {
                "index in bytes": cost["index_bytes"],
                "bytes per posting": cost["bytes_per_posting"],
            },
            "work": {
                "terms per query": cost["terms_per_query"],
                "terms per document": cost["terms_per_document"],
                "flops": cost["flops"],
            },
        },
    }
