"""Which models does the native backend run? A table: what their files call each part, and options.

BERT, DistilBERT, RoBERTa and XLM-R are one network under four sets of names:

    x = norm(word[id] + position[p] + type[0])
    for each layer:  x = norm(x + out(attention(query(x), key(x), value(x))))
                     x = norm(x + down(activation(up(x))))
    logits = norm(head_activation(dense(x))) decoder^T + bias

MiniLM is BERT by its files. DistilBERT has no token types; RoBERTa and XLM-R number positions from
just after the id of their padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lsr.encoders.method import NetworkWeighting, TokenWeighting
from lsr.errors import UnsupportedModelError
from lsr.kernels.transformer import Activation

ACTIVATIONS = {
    "gelu": Activation.GELU,
    "gelu_python": Activation.GELU,
    "gelu_new": Activation.GELU_TANH,
    "gelu_pytorch_tanh": Activation.GELU_TANH,
    "relu": Activation.RELU,
}


class LayerNames(NamedTuple):
    """What the parts of a layer are called."""

    query: str
    key: str
    value: str
    out: str
    attention_norm: str
    up: str
    down: str
    norm: str


BERT_LAYER = LayerNames(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    out="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    up="intermediate.dense",
    down="output.dense",
    norm="output.LayerNorm",
)
DISTILBERT_LAYER = LayerNames(
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    out="attention.out_lin",
    attention_norm="sa_layer_norm",
    up="ffn.lin1",
    down="ffn.lin2",
    norm="output_layer_norm",
)


class Family(NamedTuple):
    """What models of a type have in common.

    Attributes:
        embeddings: prefix of the embedding tables.
        layers: prefix of the layers, before their number.
        layer: names inside a layer.
        head_dense: the head's dense part.
        head_norm: the head's layer norm.
        decoder: the matrix of term rows, which may be tied to the word embeddings.
        decoder_bias: names of its bias; the later one is meant where the two are tied.
        hidden_size: key of the configuration, as the three that follow.
        n_layers: key of the configuration.
        n_heads: key of the configuration.
        intermediate_size: key of the configuration.
        activation: key of the configuration.
        head_activation: the head's, where it is not that of the layers.
        has_types: whether there is a table of token types.
        default_pad_id: id of the padding where positions are numbered from after it.
    """

    embeddings: str
    layers: str
    layer: LayerNames
    head_dense: str
    head_norm: str
    decoder: str
    decoder_bias: tuple[str, ...]
    hidden_size: str = "hidden_size"
    n_layers: str = "num_hidden_layers"
    n_heads: str = "num_attention_heads"
    intermediate_size: str = "intermediate_size"
    activation: str = "hidden_act"
    head_activation: Activation | None = None
    has_types: bool = True
    default_pad_id: int | None = None


BERT = Family(
    embeddings="bert.embeddings",
    layers="bert.encoder.layer",
    layer=BERT_LAYER,
    head_dense="cls.predictions.transform.dense",
    head_norm="cls.predictions.transform.LayerNorm",
    decoder="cls.predictions.decoder",
    decoder_bias=("cls.predictions.decoder.bias", "cls.predictions.bias"),
)
ROBERTA = Family(
    embeddings="roberta.embeddings",
    layers="roberta.encoder.layer",
    layer=BERT_LAYER,
    head_dense="lm_head.dense",
    head_norm="lm_head.layer_norm",
    decoder="lm_head.decoder",
    decoder_bias=("lm_head.decoder.bias", "lm_head.bias"),
    head_activation=Activation.GELU,
    default_pad_id=1,
)
DISTILBERT = Family(
    embeddings="distilbert.embeddings",
    layers="distilbert.transformer.layer",
    layer=DISTILBERT_LAYER,
    head_dense="vocab_transform",
    head_norm="vocab_layer_norm",
    decoder="vocab_projector",
    decoder_bias=("vocab_projector.bias",),
    hidden_size="dim",
    n_layers="n_layers",
    n_heads="n_heads",
    intermediate_size="hidden_dim",
    activation="activation",
    has_types=False,
)
FAMILIES = {"bert": BERT, "distilbert": DISTILBERT, "roberta": ROBERTA, "xlm-roberta": ROBERTA}

DEFAULT_EPSILON = {"roberta": 1e-5, "xlm-roberta": 1e-5}
BERT_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape and options of one model.

    Attributes:
        family: names of its tensors.
        n_terms: rows of the word embeddings and of the decoder.
        hidden_size: numbers per token between layers.
        intermediate_size: numbers per token inside a layer.
        n_layers: number of layers.
        n_heads: attention heads; they share `hidden_size` evenly.
        n_positions: rows of the position embeddings.
        n_types: rows of the token type embeddings, of which the first is used; 0 for no table.
        epsilon: of the layer norms.
        activation: of the layers.
        head_activation: of the head.
        pad_id: where positions are numbered from after it, and it takes none itself.
        is_tied: whether the decoder may share its numbers with the word embeddings.
    """

    family: Family
    n_terms: int
    hidden_size: int
    intermediate_size: int
    n_layers: int
    n_heads: int
    n_positions: int
    n_types: int
    epsilon: float
    activation: Activation
    head_activation: Activation
    pad_id: int | None
    is_tied: bool

    @property
    def longest_input(self) -> int:
        """How many tokens of a text have a position of their own."""
        return self.n_positions - (0 if self.pad_id is None else self.pad_id + 1)

    @property
    def n_multiplied(self) -> int:
        """Number of weights that every token is multiplied with."""
        size = self.hidden_size
        per_layer = 4 * size * size + 2 * size * self.intermediate_size
        return self.n_layers * per_layer + size * size + size * self.n_terms


def why_unsupported(config: dict[str, Any], weighting: NetworkWeighting) -> str | None:
    """Return why the native backend does not run a model, or None where it does.

    Args:
        config: what its config.json says.
        weighting: how its output becomes weights.
    """
    if isinstance(weighting, TokenWeighting):
        return "its weights come from the tokens' hidden states, not from logits"
    if not weighting.takes_largest_logit:
        return "its weights need more of a term than its largest logit"
    if weighting.saturation < 1:
        return "its weights are not saturated"
    kind = config.get("model_type")
    family = FAMILIES.get(str(kind))
    if family is None:
        return f"its type is {kind!r}, not one of {', '.join(FAMILIES)}"
    activation = config.get(family.activation, "gelu")
    if activation not in ACTIVATIONS:
        return f"its activation is {activation!r}, not one of {', '.join(ACTIVATIONS)}"
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        return f"its position embeddings are {positions!r}, not 'absolute'"
    for flag in ("is_decoder", "add_cross_attention"):
        if config.get(flag):
            return f"its configuration sets {flag}"
    return None


def architecture_of(config: dict[str, Any]) -> Architecture:
    """Read the shape of a supported model from its configuration.

    Raises:
        UnsupportedModelError: a number is missing or impossible.
    """
    kind = str(config["model_type"])
    family = FAMILIES[kind]
    activation = ACTIVATIONS[config.get(family.activation, "gelu")]
    hidden_size = _count(config, family.hidden_size)
    n_heads = _count(config, family.n_heads)
    if hidden_size % n_heads:
        raise UnsupportedModelError(
            f"The model's {family.n_heads} is {n_heads}, which does not divide its "
            f"{family.hidden_size} of {hidden_size}."
        )
    epsilon = BERT_EPSILON
    if kind != "distilbert":
        epsilon = float(config.get("layer_norm_eps", DEFAULT_EPSILON.get(kind, BERT_EPSILON)))
    pad_id = family.default_pad_id
    if pad_id is not None:
        pad_id = _count(config, "pad_token_id", pad_id, least=0)
    return Architecture(
        family=family,
        n_terms=_count(config, "vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=_count(config, family.intermediate_size),
        n_layers=_count(config, family.n_layers),
        n_heads=n_heads,
        n_positions=_count(config, "max_position_embeddings", 512),
        n_types=_count(config, "type_vocab_size", 2) if family.has_types else 0,
        epsilon=epsilon,
        activation=activation,
        head_activation=family.head_activation or activation,
        pad_id=pad_id,
        is_tied=bool(config.get("tie_word_embeddings", True)),
    )


def _count(config: dict[str, Any], key: str, default: int | None = None, least: int = 1) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UnsupportedModelError(
            f"The model's configuration sets {key} to {value!r}, but it must be a whole number of "
            f"at least {least}."
        )
    return value
