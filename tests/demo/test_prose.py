import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.demo.prose import MAX_CHARACTERS, readable_prose

NUMPY_STYLE = """Fit a *smooth* curve to ``x``.

    Uses :func:`~scipy.linalg.solve` and :math:`O(n)` steps [1]_, as `SciPy
    <https://scipy.org>`_ does.

    .. versionadded:: 1.2
       Something about versions.

    .. note:: The data must be sorted.

    .. math::

       x^2 + y^2

    Parameters
    ----------
    x : ndarray
        The points, `*args` too.

    See Also
    --------
    other : another function

    Notes
    -----
    A note of its own::

        code = 1

    And more.

    References
    ----------
    .. [1] Somebody, "Something".

    Examples
    --------
    >>> fit(1)
    output
    """

MARKDOWN_STYLE = """Train a [`~transformers.Trainer`] with [the hub](https://hub.example).

    <Tip warning={true}>

    Read this.

    </Tip>

    ```python
    trainer = 1
    ```

    Examples:
        trainer.train()
    """


def test_keeps_the_sentences_of_numpy_style() -> None:
    assert readable_prose(NUMPY_STYLE).splitlines() == [
        "Fit a smooth curve to x.",
        "Uses scipy.linalg.solve and O(n) steps, as SciPy does.",
        "The data must be sorted.",
        "Parameters",
        "x : ndarray",
        "    The points, *args too.",
        "Notes",
        "A note of its own:",
        "And more.",
    ]


def test_keeps_the_sentences_of_markdown() -> None:
    assert readable_prose(MARKDOWN_STYLE).splitlines() == [
        "Train a transformers.Trainer with the hub.",
        "Read this.",
    ]


@pytest.mark.parametrize("unchanged", ["2 * 3 * 4 and a_b_c", "def f(*args, **kwargs)", "x < y"])
def test_leaves_plain_text_alone(unchanged: str) -> None:
    assert readable_prose(unchanged) == unchanged


def test_long_texts_end_at_a_word() -> None:
    text = readable_prose("sentence " * 500)

    assert text.endswith("sentence ...")
    assert len(text) <= MAX_CHARACTERS


@given(st.text(max_size=2000))
def test_any_docstring_becomes_short_text(docstring: str) -> None:
    assert len(readable_prose(docstring)) <= MAX_CHARACTERS
