"""How much work would a search be? The squared mean weight of each term, summed (FLOPS).

    penalty = sum over terms j of ( mean over texts b of w[b,j] )^2

The mean is over all texts of the batch, on every process: positives and negatives together. Of two
vectors with equally many terms, the one whose terms are frequent costs more.

With `threshold`, texts of at most that many terms count as empty in the mean, whose divisor still
counts them: what is sparse enough is left alone (the l0 mask).

Nothing here knows of inverse document frequencies, and nothing has to: where queries are weighted
by them, the gradient of the ranking loss on w[b,j] is multiplied by idf[j] and this penalty's is
not, so that frequent terms are the first to be given up. That is the IDF-aware penalty of
inference-free models as its authors' code has it. `FlopsIdfInside` is the formula with idf[j]
within the square, which a later text prints; it is another one.

Papers: B. Paria et al., "Minimizing FLOPs to Learn Efficient Sparse Representations", ICLR 2020,
section 3; Z. Geng et al., "Towards Competitive Search Relevance For Inference-Free Learned Sparse
Retrievers", 2024; X. Shen et al., "Exploring l0 Sparsification for Inference-free Sparse
Retrievers", SIGIR 2025 (the mask).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch


class Flops(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="flops"):
    """The FLOPS penalty.

    Attributes:
        lambda_: what the penalty is multiplied with, once the ramp has ended.
        threshold: texts of at most so many terms cost nothing.
    """

    is_steered: ClassVar[bool] = True
    needs_idf: ClassVar[bool] = False

    lambda_: Annotated[float, msgspec.Meta(ge=0)] = msgspec.field(name="lambda")
    threshold: Annotated[int, msgspec.Meta(ge=0)] = 0

    def value(self, weights: torch.Tensor, idf: torch.Tensor | None = None) -> torch.Tensor:
        """Return the penalty of vectors, shape (n_texts, n_terms), before its lambda."""
        return _above(weights, self.threshold).mean(0).square().sum()


class FlopsIdfInside(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="flops_idf_inside"
):
    """FLOPS of weights that are multiplied by the terms' inverse document frequencies.

    penalty = sum over j of ( mean over b of idf[j] * w[b,j] )^2

    Attributes:
        lambda_: what the penalty is multiplied with, once the ramp has ended.
        threshold: texts of at most so many terms cost nothing.
    """

    is_steered: ClassVar[bool] = True
    needs_idf: ClassVar[bool] = True

    lambda_: Annotated[float, msgspec.Meta(ge=0)] = msgspec.field(name="lambda")
    threshold: Annotated[int, msgspec.Meta(ge=0)] = 0

    def value(self, weights: torch.Tensor, idf: torch.Tensor | None = None) -> torch.Tensor:
        """Return the penalty of vectors, shape (n_texts, n_terms), before its lambda."""
        assert idf is not None
        return (_above(weights, self.threshold) * idf).mean(0).square().sum()


def _above(weights: torch.Tensor, threshold: int) -> torch.Tensor:
    """Return vectors, of which those of at most `threshold` terms are empty."""
    if not threshold:
        return weights
    return weights * ((weights != 0).sum(1, keepdim=True) > threshold)


def separate_flops(positives: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
    """Return FLOPS as the code of SPLADE's authors takes it: positives and negatives apart.

    Args:
        positives: shape (n, n_terms).
        negatives: shape (m, n_terms).

    The mean of both penalties. Where weights scatter, it is larger than the penalty of all texts
    together, since a mean over fewer texts squares more of the scatter.
    """
    return (Flops(1.0).value(positives) + Flops(1.0).value(negatives)) / 2
