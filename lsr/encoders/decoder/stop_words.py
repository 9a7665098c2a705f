"""Which English words say nothing of what a text is about? A list, so that vectors do not change.

The words are those of the public-domain list that NLTK ships, which is in turn that of the Snowball
project with the pieces that contractions leave behind. Vectors depend on it, so it is kept here
instead of taken from whichever version of a library is installed.
"""

_PRONOUNS = """
i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves
he him his himself she she's her hers herself it it's its itself they them their theirs themselves
what which who whom this that that'll these those
"""
_PARTICLES = """
a an the and but if or because as until while of at by for with about against between into through
during before after above below to from up down in out on off over under again further then once
here there when where why how all any both each few more most other some such no nor not only own
same so than too very just now
"""
_VERBS = """
am is are was were be been being have has had having do does did doing can cannot will should don
don't should've ain aren aren't couldn couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't
haven haven't isn isn't mightn mightn't mustn mustn't needn needn't shan shan't shouldn shouldn't
wasn wasn't weren weren't won won't wouldn wouldn't s t d ll m o re ve y ma
"""

ENGLISH = frozenset(f"{_PRONOUNS} {_PARTICLES} {_VERBS}".split())
