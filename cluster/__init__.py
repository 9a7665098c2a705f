"""One index made and searched by many processes: shards, and Ray where they are on many machines.

`lsr.index.shards` says what a shard is. Nothing here imports Ray before a cluster is asked for.
"""
