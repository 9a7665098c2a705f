import pytest

from lsr.encoders.decoder.content_words import content_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Cat sat on the mat.", {"cat", "sat", "mat"}),
        ("state-of-the-art retrieval", {"state-of-the-art", "retrieval"}),
        ("It costs $1,000.50 (in U.S. dollars)!", {"costs", "1,000.50", "u.s.", "dollars"}),
        ("Rome: a city; at 10:30", {"rome", "city", "10:30"}),
        ("a word... -- another", {"word", "another"}),
        ("He said 'rivers' and \u201clakes\u201d", {"said", "rivers", "lakes"}),
        ("the river's bank, they\u2019ve run", {"river", "'s", "bank", "'ve", "run"}),
        ("it doesn't and cannot", {"n't"}),
        ("is this the one which was there?", {"one"}),
        ("!?. ,, ;", set()),
        ("", set()),
    ],
)
def test_content_words_are_what_nltk_would_keep(text: str, words: set[str]) -> None:
    assert content_words(text) == words
