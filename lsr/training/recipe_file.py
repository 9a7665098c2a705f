"""How is a recipe read? From TOML, strictly: what would be ignored or contradicts is refused."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from lsr.errors import ConfigError
from lsr.training.recipe import DataPart, Frozen, Fusion, Missing, ModelPart, Recipe, SidePart


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        ConfigError: the file cannot be read, holds a key or a value that no recipe has, or settings
            that contradict each other.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML ({error}); correct it.") from error
    return recipe_of(values, str(path))


def recipe_of(values: dict[str, Any], name: str) -> Recipe:
    """Return the recipe that values describe.

    Args:
        values: as TOML or JSON give them.
        name: of the file, for messages.

    Raises:
        ConfigError: as `read_recipe`.
    """
    _refuse_unknown_keys(values, inspect.type_info(Recipe), (), name)
    try:
        recipe = msgspec.convert(values, Recipe)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        where = place.strip("`").removeprefix("$.") or "the recipe"
        raise ConfigError(f"{name}: {where} is not right: {what}.") from error
    for complaint in _contradictions(recipe):
        raise ConfigError(f"{name}: {complaint}")
    return recipe


def _refuse_unknown_keys(value: Any, kind: inspect.Type, place: tuple[str, ...], name: str) -> None:
    """Raise for the first key that no recipe has at its place, offering near names."""
    if isinstance(kind, inspect.UnionType):
        structs = [one for one in kind.types if isinstance(one, inspect.StructType)]
        tagged = [one for one in structs if one.tag_field]
        if isinstance(value, dict) and tagged:
            kind = _named(value, tagged, place, name)
        elif structs:
            kind = structs[0]
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        for key, inner in value.items():
            if key == kind.tag_field:
                continue
            if key not in fields:
                raise ConfigError(
                    f"{name}: there is no key {'.'.join((*place, key))!r}; {_near(key, fields)}."
                )
            _refuse_unknown_keys(inner, fields[key], (*place, key), name)
    if isinstance(kind, inspect.VarTupleType) and isinstance(value, list):
        for number, item in enumerate(value, 1):
            _refuse_unknown_keys(item, kind.item_type, (*place, str(number)), name)


def _named(
    value: dict[str, Any], tagged: list[inspect.StructType], place: tuple[str, ...], name: str
) -> inspect.StructType:
    """Return the struct that a value's type names."""
    types = {str(one.tag): one for one in tagged}
    said = value.get(str(tagged[0].tag_field))
    if said not in types:
        found = "says no type" if said is None else f"is of the type {said!r}, which there is not"
        near = _near(str(said), types) if said else f"the types are {', '.join(types)}"
        raise ConfigError(f"{name}: {'.'.join(place)} {found}; {near}.")
    return types[said]


def _near(key: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(key, names, n=3)
    return f"near: {', '.join(near)}" if near else f"known: {', '.join(names)}"


def _contradictions(recipe: Recipe) -> Iterable[str]:
    """Yield what does not fit together, a sentence each."""
    yield from _of_the_model(recipe.model)
    yield from _of_the_data(recipe.data)
    if not recipe.losses:
        yield "there are no losses, so nothing would be learned; name one under [[losses]]."
    for loss in recipe.losses:
        tag = loss.__struct_config__.tag
        if loss.needs_teacher and not recipe.data.scores:
            yield (
                f"the loss {tag} learns from a teacher's scores, but data.scores names no file "
                "of them; name one, or take another loss."
            )
    if recipe.data.scores and not any(loss.needs_teacher for loss in recipe.losses):
        yield "data.scores names teachers' scores, but no loss learns from them; leave one out."
    if not recipe.data.negatives_per_query and all(loss.needs_negatives for loss in recipe.losses):
        yield (
            "data.negatives_per_query is 0, but only contrastive, dense_contrastive and term_mse "
            "can do without negatives of the query's own; ask for 1 at least."
        )
    for name, side in (("queries", recipe.queries), ("documents", recipe.documents)):
        yield from _of_a_side(name, side, recipe.model)
    if recipe.held_out is not None and recipe.held_out.dataset is None:
        if recipe.data.dataset is None:
            yield "held_out names no dataset, and data is made of files; name one."
        if recipe.held_out.split == recipe.data.split:
            yield (
                f"held_out.split is {recipe.held_out.split!r}, which is learned from; name another "
                "split, or another dataset."
            )
    schedule = recipe.schedule
    if schedule.query_weights_learning_rate and not recipe.model.trains_query_weights:
        yield (
            "schedule.query_weights_learning_rate is set, but model.trains_query_weights is false, "
            "so no table is trained; leave one out, or set the other."
        )
    if schedule.warmup_steps >= schedule.steps:
        yield (
            f"schedule.warmup_steps is {schedule.warmup_steps}, but there are only "
            f"{schedule.steps} steps; lower it."
        )
    if schedule.micro_batch and schedule.micro_batch > schedule.batch:
        yield (
            f"schedule.micro_batch is {schedule.micro_batch}, which is above the batch of "
            f"{schedule.batch}; leave it out."
        )


def _of_the_model(model: ModelPart) -> Iterable[str]:
    if model.query_start and model.query_weights:
        yield (
            "queries are weighted by the network of model.query_start or by the table of "
            "model.query_weights, not by both; leave one out."
        )
    if model.trains_query_weights and not model.query_weights:
        yield (
            "model.trains_query_weights is true, but there is no table; name one as "
            "model.query_weights (`lsr idf build` makes one)."
        )
    if model.query_weights and model.frozen is Frozen.QUERIES and model.trains_query_weights:
        yield "model.frozen is queries, but model.trains_query_weights is true; leave one out."


def _of_the_data(data: DataPart) -> Iterable[str]:
    files = (data.corpus, data.queries, data.qrels)
    if data.dataset is not None and any(files):
        yield "data.dataset names corpus, queries and qrels already; leave those out."
    if data.dataset is None and not all(files):
        yield "data needs a dataset, or all three of corpus, queries and qrels."
    if data.negatives_per_query and not data.negatives:
        yield (
            f"data.negatives_per_query is {data.negatives_per_query}, but data.negatives names no "
            "file of them; mine some (`lsr mine`) or set it to 0."
        )
    if data.negatives and not data.negatives_per_query:
        yield "data.negatives_per_query is 0, so data.negatives would not be used; leave it out."
    if data.ranks[0] > data.ranks[1]:
        yield f"data.ranks run from {data.ranks[0]} to {data.ranks[1]}; give the lower one first."
    if data.scale != 1.0 and data.fusion is not Fusion.MIN_MAX:
        yield f"data.scale is {data.scale:g}, but only the fusion min_max multiplies scores."
    if data.missing_positive is Missing.DROP:
        yield "data.missing_positive cannot be drop: a query without its positive teaches nothing."
    if data.missing_negative is Missing.HIGHEST:
        yield "data.missing_negative cannot be highest: that would make it the best document."


def _of_a_side(name: str, side: SidePart, model: ModelPart) -> Iterable[str]:
    steered = [one for one in side.penalties if one.is_steered]
    has_target = side.target_terms is not None or side.target_flops is not None
    if side.target_terms is not None and side.target_flops is not None:
        yield f"{name} has both target_terms and target_flops; leave one out."
    if name == "queries" and side.target_flops is not None:
        yield "target_flops is steered by the penalty of documents; move it there."
    if has_target and not any(one.lambda_ > 0 for one in steered):
        yield (
            f"{name} has a target but no penalty above 0 that could be steered to it; give it one, "
            "such as {type = 'flops', lambda = 0.01}."
        )
    if side.ramp_steps and not steered:
        yield f"{name}.ramp_steps is {side.ramp_steps}, but there is no penalty with a ramp."
    if any(one.needs_idf for one in side.penalties) and not model.query_weights:
        yield (
            f"a penalty of {name} is multiplied by inverse document frequencies, but "
            "model.query_weights names no table of them."
        )
    if name == "queries" and steered and model.query_weights and not model.trains_query_weights:
        yield "queries are weighted by a table that is not trained, so no penalty can change them."
    frozen = {"queries": Frozen.QUERIES, "documents": Frozen.DOCUMENTS}[name]
    if side.penalties and model.frozen is frozen:
        yield f"the tower of {name} is frozen, so no penalty can change them; leave it out."
