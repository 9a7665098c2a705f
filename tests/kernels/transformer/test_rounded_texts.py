import numpy as np
from hypothesis import given, settings

from lsr.kernels.transformer.rounded_texts import round_texts
from transformer_inputs import activations, seeds, sizes, starts_of, text_lengths


@given(seeds, sizes, text_lengths)
@settings(deadline=None, max_examples=60)
def test_bytes_stand_for_the_tokens_up_to_the_error(
    seed: int, n_features: int, lengths: list[int]
) -> None:
    x, starts = activations(seed, n_features, sum(lengths)), starts_of(lengths)

    found = round_texts(x, starts)

    assert found.n_tokens.tolist() == lengths
    for text, (begin, length) in enumerate(zip(starts, lengths, strict=False)):
        if length == 0:
            continue
        tokens = x[:, begin : begin + length].astype(np.float64)
        vectors = found.values[found.firsts[text] : found.firsts[text + 1]]
        columns = vectors.transpose(1, 3, 0, 2).reshape(-1, 16 * len(vectors))
        stands_for = found.scales[text] * columns[:n_features, :length] + found.lows[text]
        error = np.linalg.norm(tokens - stands_for, axis=0).max()
        assert len(vectors) == -(-length // 16)
        # Half a step in every feature at most, and rounding.
        half_steps = found.scales[text] * np.sqrt(n_features) / 2
        assert error <= found.errors[text] <= 1.02 * half_steps + 1e-4
        assert np.linalg.norm(tokens, axis=0).max() <= found.reaches[text]
        # What fills up the last vector is a token of the text.
        filling = columns[:, length:].T.tolist()
        assert all(token in columns[:, :length].T.tolist() for token in filling)


def test_tokens_that_are_all_equal_have_no_error() -> None:
    x = np.full((6, 16), 3.0, dtype=np.float32)

    found = round_texts(x, starts_of([5]))

    assert found.lows.tolist() == [3.0]
    assert not found.values.any()
    assert found.errors[0] < 1e-4
