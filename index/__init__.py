"""The inverted index: segments on disk, searched where they lie."""
