"""Index vectors computed elsewhere, search them, and say why a document was found."""

import tempfile

import lsr

documents = [
    {"id": "a", "text": "cats drink milk", "vector": {"cat": 2.1, "milk": 1.7, "drink": 0.9}},
    {"id": "b", "text": "dogs bark at cats", "vector": {"dog": 2.3, "bark": 1.2, "cat": 0.4}},
]

with tempfile.TemporaryDirectory() as folder:
    index = lsr.Index.build(f"{folder}/pets", documents)
    for hit in index.search({"cat": 1.0, "milk": 0.5}, k=2):
        print(hit.rank, hit.doc_id, f"{hit.score:.2f}", hit.document.text)
    for share in index.explain({"cat": 1.0, "milk": 0.5}, "a").terms:
        print(f"{share.term}: {share.share:.0%} of the score")
