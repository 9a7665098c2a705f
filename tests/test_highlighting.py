"""Passages: compared with an exhaustive search over all windows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsr.highlighting import Highlight, best_passage
from lsr.words import TermSpan

VOCABULARY = ["curve", "fit", "smooth", "##ing", "naïve", "学", "习", "points", "."]
FILLER = ["the", "of", "x." * 9, "a-long-word-" * 6, "ends.", "Is", "\n", "\t\n ", "δ"]


def spans_of(text: str) -> list[TermSpan]:
    """Find each vocabulary entry, longest words first, as an encoder's tokenizer would."""
    taken: list[TermSpan] = []
    at = 0
    while at < len(text):
        for term, name in enumerate(VOCABULARY):
            piece = name.removeprefix("##")
            if text.startswith(piece, at):
                taken.append((term, at, at + len(piece)))
                at += len(piece)
                break
        else:
            at += 1
    return taken


def visible_share(passage: str, contributions: dict[int, float]) -> float:
    words = {term for term, _, _ in spans_of(passage) if VOCABULARY[term] != "."}
    return sum(contributions.get(term, 0.0) for term in words)


def best_share(text: str, contributions: dict[int, float], width: int) -> float:
    """Try every pair of word boundaries."""
    shown = " ".join(text.split())
    bounds = [0, *(i for i, character in enumerate(shown) if character == " "), len(shown)]
    return max(
        (
            visible_share(shown[low:high], contributions)
            for low in bounds
            for high in bounds
            if low <= high <= low + width
        ),
        default=0.0,
    )


texts = st.lists(
    st.one_of(
        st.sampled_from([name.removeprefix("##") for name in VOCABULARY]),
        st.sampled_from(FILLER),
        st.just("curvefitting"),
    ),
    max_size=60,
).map(" ".join)
contribution_maps = st.dictionaries(
    st.integers(0, len(VOCABULARY) + 3), st.floats(0.01, 10), max_size=6
)


@given(texts, contribution_maps, st.sampled_from([40, 60, 100, 240]))
def test_no_window_shows_more_of_the_score(
    text: str, contributions: dict[int, float], width: int
) -> None:
    found = best_passage(text, contributions, spans_of, width)

    best = best_share(text, contributions, width)
    assert visible_share(found.text, contributions) >= best - 1e-5 * max(1.0, best)
    assert len(found.text) <= width


@given(st.one_of(texts, st.text(max_size=400)), contribution_maps)
def test_passage_and_marks_lie_where_they_say(text: str, contributions: dict[int, float]) -> None:
    shown = " ".join(text.split())

    found = best_passage(text, contributions, spans_of, 80)

    assert found.text == shown[found.start : found.end]
    assert found.is_first == (found.start == 0)
    assert found.is_last == (found.end == len(shown))
    assert all(0 <= low < high <= len(found.text) for low, high in found.spans)
    assert all(first[1] <= second[0] for first, second in pairwise(found.spans))


def marked(found: Highlight) -> list[str]:
    return [found.text[low:high] for low, high in found.spans]


def test_marks_whole_words_of_matching_pieces() -> None:
    found = best_passage("A curve-less curvefitting, smooth!", {1: 1.0}, spans_of)

    assert marked(found) == ["curvefitting"]


def test_marks_no_punctuation() -> None:
    found = best_passage("A curve. Another.", {0: 1.0, 8: 1.0}, spans_of)

    assert marked(found) == ["curve"]


def test_each_distinct_term_counts_once() -> None:
    repeated = "curve " * 30
    text = repeated + "filler " * 60 + "curve fit " + "filler " * 60

    found = best_passage(text, {0: 1.0, 1: 0.5}, spans_of, 100)

    assert set(marked(found)) == {"curve", "fit"}


def test_a_lone_match_has_context_on_both_sides() -> None:
    found = best_passage("word " * 100 + "curve " + "word " * 100, {0: 1.0}, spans_of, 200)

    (low, high) = found.spans[0]
    assert low > 60
    assert high < 140


def test_prefers_to_begin_with_a_sentence() -> None:
    text = "word " * 100 + "ended. Smooth is the curve " + "word " * 100

    assert best_passage(text, {0: 1.0}, spans_of, 120).text.startswith("Smooth is")


def test_new_lines_become_spaces_without_moving_marks() -> None:
    found = best_passage("  a \n\n smooth\n\tcurve", {0: 1.0, 2: 1.0}, spans_of)

    assert found.text == "a smooth curve"
    assert marked(found) == ["smooth", "curve"]


def test_shows_the_beginning_when_nothing_matches() -> None:
    found = best_passage("begin " + "word " * 100, {0: 1.0}, spans_of, 100)

    assert (found.start, found.spans) == (0, ())
    assert found.text.startswith("begin word")


@pytest.mark.parametrize("text", ["", " \n "])
def test_empty_text_gives_an_empty_passage(text: str) -> None:
    assert best_passage(text, {0: 1.0}, spans_of) == Highlight("", 0, 0, (), True, True)


def test_ideographs_are_words_of_their_own() -> None:
    found = best_passage("机" * 300 + "学习" + "机" * 300, {5: 1.0, 6: 1.0}, spans_of, 60)

    assert marked(found) == ["学", "习"]
    assert len(found.text) == 60


def test_text_without_spaces_is_cut() -> None:
    found = best_passage("x" * 1000 + "curve" + "x" * 1000, {0: 1.0}, spans_of, 100)

    assert "curve" in found.text
    assert len(found.text) <= 100
