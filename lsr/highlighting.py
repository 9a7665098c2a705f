"""Which passage of a document shows why it was found, and which words should be marked?

The best passage is the window with the largest sum of term contributions, where a term counts once
however often it occurs. So does it in the score: an encoder gives a document one weight per term.
A window that repeats one word is thus no better than one that holds it once, and the sum is the
part of the score that the reader can see in the window.

Terms may contribute without any literal word: a learned encoder adds related terms to queries and
to documents alike. Such terms mark nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lsr.words import IDEOGRAPHS, TermSpan, words_of

DEFAULT_WIDTH = 240
_LONGEST_UNIT = 40  # so that text without spaces can be cut, too

_UNIT = re.compile(rf"[{IDEOGRAPHS}]|[^\s{IDEOGRAPHS}]{{1,{_LONGEST_UNIT}}}")
_LETTER = re.compile(r"\w")

# Contributions become integers: sums then do not drift from window to window.
_SCALE = 1_000_000


@dataclass(frozen=True, slots=True)
class Highlight:
    """A passage of a document.

    Attributes:
        text: the passage; runs of white space are one space.
        start: where it starts in the document's text after its white space is collapsed.
        end: where it ends there.
        spans: (start, end) of the words to mark inside `text`, in order, disjoint.
        is_first: whether nothing stands before the passage.
        is_last: whether nothing stands behind the passage.
    """

    text: str
    start: int
    end: int
    spans: tuple[tuple[int, int], ...]
    is_first: bool
    is_last: bool


def best_passage(
    text: str,
    contributions: Mapping[int, float],
    term_spans: Callable[[str], Sequence[TermSpan]],
    width: int = DEFAULT_WIDTH,
) -> Highlight:
    """Find the passage of at most `width` characters with the largest sum of contributions.

    It starts and ends at word boundaries. Among equally good passages the first that begins a
    sentence wins, else the one in the middle, so that a match has context on both sides. Without
    any match it is the beginning of the text. Takes time in proportion to the text's length.

    Args:
        text: the document's text.
        contributions: term id to its part of the score, query weight times document weight.
        term_spans: the encoder's function that finds the word pieces of a text; they are disjoint.
        width: at least 40.
    """
    shown = " ".join(text.split())
    matches = sorted(
        (
            (term, start, end)
            for term, start, end in term_spans(shown)
            # A full stop may score, but a marked one tells nobody anything.
            if contributions.get(term, 0.0) > 0 and _LETTER.search(shown, start, end)
        ),
        key=lambda match: match[1:],
    )
    units = [match.span() for match in _UNIT.finditer(shown)]
    if not units:
        return Highlight("", 0, 0, (), is_first=True, is_last=True)
    windows = _windows(units, width)
    scores = _window_scores(windows, matches, contributions)
    start, end = windows[_best_window(shown, windows, scores)]
    inside = [(term, max(low, start), min(high, end)) for term, low, high in matches]
    words = words_of(shown, [span for span in inside if span[1] < span[2]])
    spans = tuple((max(word.start, start) - start, min(word.end, end) - start) for word in words)
    return Highlight(shown[start:end], start, end, spans, start == 0, end == len(shown))


def _windows(units: Sequence[tuple[int, int]], width: int) -> list[tuple[int, int]]:
    """Return the longest window that starts at each unit; the last ones are suffixes of another."""
    windows = []
    last = 0
    for start, _ in units:
        while last + 1 < len(units) and units[last + 1][1] <= start + width:
            last += 1
        windows.append((start, units[last][1]))
        if last + 1 == len(units):
            break
    return windows


def _window_scores(
    windows: Sequence[tuple[int, int]],
    matches: Sequence[TermSpan],
    contributions: Mapping[int, float],
) -> list[int]:
    """Sum the contributions of the distinct terms that lie whole inside each window."""
    total = sum(contributions[term] for term in {term for term, _, _ in matches}) or 1.0
    starts = [start for start, _ in windows]
    ends = [end for _, end in windows]
    changes = [0] * (len(windows) + 1)
    counted_until: dict[int, int] = {}
    for term, low, high in matches:
        # The windows that hold a piece are neighbours, for starts and ends both rise.
        first = max(bisect_left(ends, high), counted_until.get(term, 0))
        behind = bisect_right(starts, low)
        if first < behind:
            value = round(_SCALE * contributions[term] / total)
            changes[first] += value
            changes[behind] -= value
            counted_until[term] = behind
    return list(accumulate(changes[:-1]))


def _best_window(shown: str, windows: Sequence[tuple[int, int]], scores: Sequence[int]) -> int:
    best = max(scores)
    if best == 0:
        return 0
    first = scores.index(best)
    last = first
    while last + 1 < len(scores) and scores[last + 1] == best:
        last += 1
    for number in range(first, last + 1):
        start = windows[number][0]
        if start == 0 or shown[max(0, start - 2) : start] in {". ", "! ", "? "}:
            return number
    return (first + last) // 2
