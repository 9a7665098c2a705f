"""A small library whose documents all speak of rivers, with metadata of every kind."""

from __future__ import annotations

from typing import Any

FIELDS = {"topic": "str", "year": "int", "length_km": "float", "navigable": "bool", "lands": "tags"}

_RIVERS = [
    ("rhine", "The Rhine", "geography", 1998, 1233.0, ["Switzerland", "Germany", "Netherlands"]),
    ("danube", "The Danube", "geography", 2001, 2850.0, ["Germany", "Austria", "Romania"]),
    ("nile", "The Nile", "history", 2004, 6650.0, ["Egypt", "Sudan"]),
    ("amazon", "The Amazon", "nature", 2010, 6400.0, ["Brazil", "Peru"]),
    ("thames", "The Thames", "history", 1985, 346.0, ["England"]),
    ("seine", "The Seine", "art", 1990, 777.0, ["France"]),
    ("volga", "The Volga", "geography", 2007, 3531.0, ["Russia"]),
    ("ganges", "The Ganges", "religion", 2015, 2525.0, ["India", "Bangladesh"]),
    ("mekong", "The Mekong", "nature", 2018, 4350.0, ["China", "Laos", "Vietnam"]),
    ("congo", "The Congo", "nature", 2012, 4700.0, ["Congo"]),
    ("tiber", "The Tiber", "history", 1979, 405.0, ["Italy"]),
    ("loire", "The Loire", "art", 1995, 1006.0, ["France"]),
    ("oder", "The Oder", "geography", 2003, 854.0, ["Czechia", "Poland"]),
    ("tagus", "The Tagus", "geography", 2009, 1007.0, ["Spain", "Portugal"]),
]
_ABOUT = {
    "geography": "flows past mountains and cities to the sea; ships carry goods along its banks.",
    "history": "fed the people who settled on its banks thousands of years ago and built harbours.",
    "nature": "runs through forest where fish, birds and dolphins live; its floods feed the soil.",
    "art": "was painted in every light; castles and gardens stand along its quiet water.",
    "religion": "is holy to pilgrims, who bathe in its water at dawn.",
}


def library_documents() -> list[dict[str, Any]]:
    """Return the documents: two of each river."""
    documents = []
    for doc_id, title, topic, year, length, lands in _RIVERS:
        shared = {"topic": topic, "length_km": length, "lands": lands}
        text = f"{title} is a river of {' and '.join(lands)}. The river {_ABOUT[topic]}"
        documents.append(
            {"id": doc_id, "title": title, "text": text, "year": year, "navigable": True, **shared}
        )
        note = f"\U0001f30a {title}, a river {length:.0f} km long. Caf\u00e9s line the bank."
        documents.append(
            {"id": f"{doc_id}/note", "text": note, "year": year + 1, "navigable": False, **shared}
        )
    return documents
