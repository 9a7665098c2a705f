"""What is a training made of? A recipe: model, data, losses, penalties and schedule, as data.

`lsr.training.recipe_file` reads one from TOML. Every number that changes the trained weights stands
here, so that two runs of one recipe on one machine give the same weights.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from lsr.encoders.named_methods import Weights
from lsr.training.losses import Contrastive, Loss
from lsr.training.penalties import Penalty

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Frozen(StrEnum):
    """Which towers keep the weights that they start with."""

    NONE = "none"
    DOCUMENTS = "documents"
    QUERIES = "queries"


class LoraPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A low-rank adapter, which is trained in place of the network's own weights (LoRA).

    It is merged into them when the model is saved. Paper: E. J. Hu et al., "LoRA: Low-Rank
    Adaptation of Large Language Models", 2022.

    Attributes:
        rank: of the changes to each linear layer but the head.
        alpha: they are multiplied with alpha / rank.
        dropout: of their input.
    """

    rank: AtLeastOne = 16
    alpha: Positive = 8.0
    dropout: Share = 0.1


class ModelPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is trained.

    Attributes:
        start: the model to start from: a folder, a hub id or a short name.
        query_start: that of the queries' tower, where it is another.
        method: name of the method in lsr/encoders/methods.toml; None for the model's own.
        towers: whether both sides are one network; None for what the method says, else one.
        query_weights: a table of the weights of query terms, such as idf.json, in place of a
            network for queries.
        trains_query_weights: whether that table is trained too.
        frozen: which tower is not trained.
        lora: a low-rank adapter that is trained instead of networks' own weights; None for those.
        residual_rank: rank of PROSPER's layer of bonuses, where the start has none; None for a
            whole one.
        start_terms: mean terms of a document to begin with, to which the bias of the vocabulary's
            head is shifted; None to leave it. Models whose heads say nothing, or everything, at
            first need it.
        max_length: tokens of a document that are read.
        query_max_length: tokens of a query that are read; None for as many.
    """

    start: str
    query_start: str | None = None
    method: str | None = None
    towers: Weights | None = None
    query_weights: str | None = None
    trains_query_weights: bool = False
    frozen: Frozen = Frozen.NONE
    lora: LoraPart | None = None
    residual_rank: AtLeastOne | None = None
    start_terms: AtLeastOne | None = None
    max_length: AtLeastOne = 256
    query_max_length: AtLeastOne | None = None


class Fusion(StrEnum):
    """How the scores of several teachers become one.

    `MEAN` and `MAX` take them as they are. `MIN_MAX` first stretches each teacher's scores of a
    query to 0 to 1, and multiplies the mean with `DataPart.scale`: teachers that count in other
    units then weigh alike.
    """

    MEAN = "mean"
    MAX = "max"
    MIN_MAX = "min_max"


class Missing(StrEnum):
    """What becomes of a document that a teacher has not scored.

    `REFUSE` refuses the data. `DROP` takes a negative out of the query's pool, and `HIGHEST` gives
    a positive the highest score of its query (DiSCo).
    """

    REFUSE = "refuse"
    DROP = "drop"
    HIGHEST = "highest"


class DataPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned from.

    Attributes:
        dataset: a folder in BEIR's layout, or an ir_datasets id.
        split: which of its judgments.
        corpus: with `queries` and `qrels`, in place of `dataset`.
        queries: a file of queries.
        qrels: a file of judgments.
        negatives: files that name the negatives of queries: runs, or JSON lines.
        negatives_per_query: how many are drawn of a query's for each batch.
        ranks: first and last rank of the hits of a run that are taken as negatives, from 1.
        scores: files with teachers' scores: runs, or JSON lines.
        fusion: how several teachers' scores become one.
        scale: what min-max scores are multiplied with.
        missing_positive: of a positive without a score.
        missing_negative: of a negative without a score.
    """

    dataset: str | None = None
    split: str = "train"
    corpus: str | None = None
    queries: str | None = None
    qrels: str | None = None
    negatives: tuple[str, ...] = ()
    negatives_per_query: NotNegative = 1
    ranks: tuple[AtLeastOne, AtLeastOne] = (1, 1000)
    scores: tuple[str, ...] = ()
    fusion: Fusion = Fusion.MEAN
    scale: Positive = 1.0
    missing_positive: Missing = Missing.REFUSE
    missing_negative: Missing = Missing.REFUSE


class SidePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How queries, or documents, are kept sparse.

    Attributes:
        penalties: what is added to the loss.
        ramp_steps: optimizer steps over which lambda rises as the square of the step; 0 for none.
        target_terms: mean terms of a text, to which lambda is steered; None to leave it alone.
        target_flops: the same for documents, in place of terms: expected terms that a query and a
            document share.
    """

    penalties: tuple[Penalty, ...] = ()
    ramp_steps: NotNegative = 0
    target_terms: Positive | None = None
    target_flops: Positive | None = None


class Numbers(StrEnum):
    """Number format of the products; weights and sums stay float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Decay(StrEnum):
    """How the learning rate falls after its warm-up."""

    LINEAR = "linear"
    COSINE = "cosine"
    CONSTANT = "constant"


class SchedulePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how fast.

    Attributes:
        steps: optimizer steps.
        batch: queries of a step, on all processes together.
        micro_batch: queries encoded at a time, each with its documents; None for all of a process.
            It bounds memory and changes nothing else: losses and penalties see the whole batch.
        learning_rate: at the end of the warm-up.
        query_weights_learning_rate: the same of a table of query weights, which are numbers of
            another size than a network's; None for `learning_rate`.
        warmup_steps: over which it rises from 0.
        decay: how it falls then.
        weight_decay: of AdamW.
        max_gradient_norm: to which gradients are clipped; 0 for no limit.
        precision: number format of the products.
        gradient_checkpointing: whether layers are computed again on the way back, to save memory.
        seed: of everything that is random.
        log_every: steps between two lines of the log.
        checkpoint_every: steps between two checkpoints.
        keep_checkpoints: how many of the newest are kept.
    """

    steps: AtLeastOne
    batch: AtLeastOne = 32
    micro_batch: AtLeastOne | None = None
    learning_rate: Positive = 2e-5
    query_weights_learning_rate: Positive | None = None
    warmup_steps: NotNegative = 0
    decay: Decay = Decay.LINEAR
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    max_gradient_norm: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    precision: Numbers = Numbers.FLOAT32
    gradient_checkpointing: bool = False
    seed: NotNegative = 0
    log_every: AtLeastOne = 50
    checkpoint_every: AtLeastOne = 1000
    keep_checkpoints: AtLeastOne = 2


class HeldOutPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On what the model is measured while it is trained.

    Attributes:
        dataset: a folder in BEIR's layout, or an ir_datasets id; None for that of the data.
        split: which of its judgments.
        max_queries: of its queries, how many are taken.
        max_documents: size of the corpus: the judged documents and the first others.
        every: steps between two measurements.
        keeps_best: whether the weights at the best measurement are saved, not the last.
    """

    split: str
    dataset: str | None = None
    max_queries: AtLeastOne = 200
    max_documents: AtLeastOne = 10_000
    every: AtLeastOne = 1000
    keeps_best: bool = True


class Action(StrEnum):
    """What the collapse guard does: stop with the reason, mend what it can, or only warn."""

    STOP = "stop"
    REPAIR = "repair"
    WARN = "warn"


class GuardPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a training counts as collapsed.

    Attributes:
        action: what is done then.
        patience: steps in a row that must show it.
        empty_share: of texts without any term, above which vectors vanish.
        dense_share: of the vocabulary in the mean text, above which vectors are dense.
        likeness: mean cosine of the vectors of two documents, above which all texts look alike.
        vocabulary_share: of the terms that documents used at first, below which terms have died.
        repairs: how often it may mend before it stops.
    """

    action: Action = Action.STOP
    patience: AtLeastOne = 20
    empty_share: Share = 0.5
    dense_share: Share = 0.5
    likeness: Share = 0.98
    vocabulary_share: Share = 0.05
    repairs: NotNegative = 3


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model is trained.

    Attributes:
        model: what is trained.
        data: what is learned from.
        schedule: how long and how fast.
        losses: what ranking is learned by; their sum counts.
        queries: how they are kept sparse.
        documents: how they are kept sparse.
        held_out: on what the model is measured meanwhile; None for nothing.
        guard: when the training counts as collapsed.
        source: paper or code that the recipe is from.
        published: the figure that its authors give.
    """

    model: ModelPart
    data: DataPart
    schedule: SchedulePart
    losses: tuple[Loss, ...] = (Contrastive(),)
    queries: SidePart = SidePart()
    documents: SidePart = SidePart()
    held_out: HeldOutPart | None = None
    guard: GuardPart = GuardPart()
    source: str = ""
    published: str = ""
