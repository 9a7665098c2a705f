"""`lsr compress`: a model made smaller and faster, and what that costs."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from lsr.cli.output import (
    JsonOption,
    QuietOption,
    add_command,
    emit,
    emit_json,
    note,
    set_quiet,
)

if TYPE_CHECKING:
    from lsr.compression.analysis import MatrixAnalysis
    from lsr.compression.applied import Applied

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

REPORT = "compression-report.json"


@app.callback()
def compress() -> None:
    """Remove what an encoder can do without: layers, heads, neurons, blocks of matrices, terms.

    Example: lsr compress analyze --help
    """


def apply(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="What to remove, and how.")],
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Folder of the compressed model.")
    ],
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Collection to measure the model on, beside the dense one; repeatable."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compress a model by a recipe; an interrupted run goes on where it was.

    With --dataset, the quality, terms and speed of the dense and the compressed model are printed
    and kept in the model's folder, beside two controls: as much removed at random, and layers that
    compute nothing.

    Example: echo '{"id": "1", "text": "the cat drank milk"}' > cats.jsonl && (echo 'model =
    "splade-tiny"'; echo 'vocabulary.documents = "cats.jsonl"') > recipe.toml && lsr compress apply
    recipe.toml --output smaller
    """
    from lsr.compression import read_recipe
    from lsr.compression.applying import apply_recipe
    from lsr.encoders import Precision
    from lsr.eval.compression_cost import System, as_table, controls, measure_systems
    from lsr.eval.datasets import load_dataset
    from lsr.training.remains import train_remains

    def hear(step: str) -> None:
        note(f"{step} ...")

    set_quiet(quiet)
    said = read_recipe(recipe)
    datasets = [load_dataset(name) for name in dataset or []]
    applied = apply_recipe(said, output, learn=train_remains, on_step=hear)
    done = {**asdict(applied), "folder": str(output)}
    if not datasets:
        if json:
            emit_json({**done, "figures": []})
        else:
            emit(_sentence(applied))
        return
    note(_sentence(applied))
    with tempfile.TemporaryDirectory(prefix="lsr-compress-") as scratch:
        systems = [
            System("dense float32", said.model, Precision.FLOAT32),
            System("dense int8", said.model, Precision.INT8),
            System("compressed float32", str(output), Precision.FLOAT32),
            System("compressed int8", str(output), Precision.INT8),
            *controls(said, Path(scratch), learn=train_remains, on_step=hear),
        ]
        figures = measure_systems(systems, datasets, on_step=hear)
    report = [asdict(one) for one in figures]
    (output / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if json:
        emit_json({**done, "figures": report})
    else:
        emit(as_table(figures))


def _sentence(applied: Applied) -> str:
    if applied.was_there:
        return f"{applied.folder} was there already, by the same recipe."
    whole = ""
    if gone := applied.structure:
        n_heads, n_neurons = sum(map(len, gone["heads"])), sum(gone["neurons"])
        whole = f"{len(gone['layers'])} layers, {n_heads} heads and {n_neurons:,} neurons removed, "
    return (
        f"Wrote {applied.folder}: {whole}{len(applied.blocks)} matrices pruned, "
        f"{applied.n_dropped_terms:,} terms dropped."
    )


def analyze(
    model: Annotated[str, typer.Argument(help="Folder, short name or hub id.")],
    corpus: Annotated[
        str, typer.Argument(help="Texts of the kind that will be encoded, in any form lsr reads.")
    ],
    n_docs: Annotated[int, typer.Option(min=1, help="Texts, from the beginning.")] = 64,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Draw what each matrix costs.", dir_okay=False),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell where a model's time goes, and what removing blocks of each matrix would cost.

    For every matrix alone: its share of the work, microseconds for 128 tokens, and with 50 to 90 %
    of its 4x1 blocks removed microseconds, error of its outputs, and terms of a document.

    Example: for n in $(seq 200); do echo '{"id": "'$n'", "text": "the cat drank milk"}'; done
    > cats.jsonl && lsr compress analyze splade-tiny cats.jsonl --n-docs 200
    """
    from lsr.compression.analysis import analyze as analyze_model
    from lsr.compression.applying import model_files
    from lsr.compression.calibrated_network import CalibratedNetwork
    from lsr.compression.checkpoint import Checkpoint
    from lsr.compression.recipe import Calibration
    from lsr.compression.texts import calibration_texts, refuse_few_tokens, tokenized
    from lsr.eval.bench.plots import require_matplotlib
    from lsr.eval.compression_plot import plot_analysis

    set_quiet(quiet)
    if plot:
        require_matplotlib()
    files = model_files(model)
    documents, _ = calibration_texts(Calibration(documents=corpus, n_documents=n_docs))
    texts = tokenized(files, documents)
    refuse_few_tokens(texts)
    found = analyze_model(
        Checkpoint(files), CalibratedNetwork(files), texts, on_step=lambda step: note(f"{step} ...")
    )
    if plot:
        plot_analysis(found, plot)
    if json:
        emit_json([asdict(one) for one in found])
    else:
        emit(_table(found))


def table(
    recipes: Annotated[
        list[Path], typer.Argument(metavar="RECIPE.toml...", help="Of one model, to be compared.")
    ],
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Folder of the compressed models.")
    ],
    dataset: Annotated[
        list[str], typer.Option(help="Collection to measure the models on; repeatable.")
    ],
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="Of what is random, [default: 0]; repeatable.")
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compress a model by several recipes, and tell what each keeps.

    Models that the folder holds already are not made again.

    Example: lsr compress table --help
    """
    from lsr.compression import read_recipe
    from lsr.eval.compression_table import measure_recipes, recipes_table
    from lsr.eval.datasets import load_dataset
    from lsr.training.remains import train_remains

    set_quiet(quiet)
    figures = measure_recipes(
        {path.stem: read_recipe(path) for path in recipes},
        seed or [0],
        output,
        [load_dataset(name) for name in dataset],
        learn=train_remains,
        on_step=lambda step: note(f"{step} ..."),
    )
    if json:
        emit_json({name: [asdict(one) for one in some] for name, some in figures.items()})
    else:
        emit(recipes_table(figures))


def _table(found: list[MatrixAnalysis]) -> str:
    from lsr.compression.analysis import N_TOKENS, SHARES
    from lsr.eval.bench.table import aligned

    head = ["matrix", "shape", "work", "us"]
    for share in SHARES:
        head += [f"{share:.0%} us", "error", "terms"]
    rows = [head]
    for one in found:
        row = [one.name, f"{one.n_columns}x{one.n_rows}", f"{one.work:.1%}"]
        row.append(f"{one.microseconds:,.1f}")
        for pruned in one.pruned:
            row += [f"{pruned.microseconds:,.1f}", f"{pruned.error:.1%}", f"{pruned.terms:.0%}"]
        rows.append([*row, *[""] * (len(head) - len(row))])
    return "\n".join(
        [
            *aligned(rows),
            "",
            f"Microseconds for {N_TOKENS} tokens in float32. Error: squared error of the outputs "
            "in parts of their squares. Terms: of a document, in parts of the dense model's. Each "
            "matrix alone is pruned, by SparseGPT in 4x1 blocks.",
        ]
    )


add_command(app, analyze)
add_command(app, apply)
add_command(app, table)
