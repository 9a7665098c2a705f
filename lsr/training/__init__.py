"""Training: recipes, losses and penalties, and a trainer that stays sparse on target.

Modules that define torch classes import torch at their top, and are imported inside functions only.
"""
