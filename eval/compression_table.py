"""Which of several recipes keeps the most? Followed from several seeds, and measured together.

Seeds differ where something is random: what a mask by chance removes, and what a training reads
first. Recipes without either are followed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import msgspec

from lsr.compression import Recipe
from lsr.compression.applying import apply_recipe
from lsr.compression.learning import Learns
from lsr.encoders import Precision
from lsr.errors import ConfigError
from lsr.eval.compression_cost import (
    HEAD,
    MEASURE,
    Figures,
    System,
    cells,
    collection_tables,
    measure_systems,
)
from lsr.eval.datasets import Dataset

DENSE = "dense"


def measure_recipes(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    folder: Path,
    datasets: Sequence[Dataset],
    *,
    learn: Learns,
    on_step: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Figures]]:
    """Return the figures of every recipe, of each seed on each collection, and of the dense model.

    Args:
        recipes: by name, of one model.
        seeds: in the place of the recipes' own.
        folder: of the compressed models; what it holds already by the same recipe is taken.
        datasets: from `lsr.eval.datasets.load_dataset`.
        learn: as `apply_recipe` takes it.
        on_step: hears what is done next.

    Raises:
        ConfigError: the recipes are of several models.
    """
    models = {recipe.model for recipe in recipes.values()}
    if len(models) != 1:
        raise ConfigError(
            f"The recipes are of {len(models)} models ({', '.join(sorted(models))}), but only "
            "those of one are compared."
        )
    systems = {DENSE: [System(DENSE, models.pop(), Precision.FLOAT32)]}
    for name, recipe in recipes.items():
        systems[name] = []
        for seed in seeds if recipe.is_random else seeds[:1]:
            place = folder / f"{name}-{seed}"
            on_step(f"{name}, seed {seed}")
            seeded = msgspec.structs.replace(recipe, seed=seed)
            apply_recipe(seeded, place, learn=learn, on_step=on_step)
            systems[name].append(System(f"{name}-{seed}", str(place), Precision.FLOAT32))
    all_systems = [one for some in systems.values() for one in some]
    figures = measure_systems(all_systems, datasets, on_step=on_step)
    return {
        name: [one for one in figures if one.system in {system.name for system in some}]
        for name, some in systems.items()
    }


def recipes_table(figures: Mapping[str, Sequence[Figures]]) -> str:
    """Return the figures as text, a table for each collection."""
    means: list[Figures] = []
    seeds: dict[Figures, str] = {}
    for name, some in figures.items():
        for dataset in dict.fromkeys(one.dataset for one in some):
            own = [one for one in some if one.dataset == dataset]
            means.append(_mean(name, own))
            seeds[means[-1]] = _spread([one.kept for one in own])
    note = (
        f"{MEASURE} by exact scores of float weights, the mean of all seeds; +- is the standard "
        "error of the difference to the first line, seeds the standard deviation of what is kept "
        "between them. Work: multiply-adds, in parts of the whole model's. Speed on one core, "
        "float32."
    )
    return collection_tables(
        means, lambda one: [one.system, *cells(one), seeds[one]], [*HEAD, "seeds"], note
    )


def _mean(name: str, figures: Sequence[Figures]) -> Figures:
    """Return the mean of several seeds, and the best of their times."""
    rates = [one.documents_per_s for one in figures if one.documents_per_s is not None]
    queries = [one.query_us for one in figures if one.query_us is not None]
    return replace(
        figures[0],
        system=name,
        quality=mean(one.quality for one in figures),
        kept=mean(one.kept for one in figures),
        error=mean(one.error for one in figures),
        document_terms=mean(one.document_terms for one in figures),
        query_terms=mean(one.query_terms for one in figures),
        work=mean(one.work for one in figures),
        documents_per_s=max(rates, default=None),
        query_us=min(queries, default=None),
    )


def _spread(kept: Sequence[float]) -> str:
    return f"{stdev(kept):.1%} of {len(kept)}" if len(kept) > 1 else ""
