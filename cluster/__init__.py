"""One index made and searched by many processes: shards, and Ray where they are on many machines.

`lsr.index.shards` says what a shard is. Nothing here imports Ray before a cluster is asked for.
"""

from lsr.cluster.building import build_here, build_shard, finish, is_planned, shards_to_build
from lsr.cluster.planning import ShardPlan, plan_shards, scale_of

__all__ = [
    "ShardPlan",
    "build_here",
    "build_shard",
    "finish",
    "is_planned",
    "plan_shards",
    "scale_of",
    "shards_to_build",
]
