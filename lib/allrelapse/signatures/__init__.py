"""Mutational signatures: which processes wrote a tumour's mutations, and how sure one can be."""

from allrelapse.signatures.presence import pool, presence
from allrelapse.signatures.refit import Refit, cosine, refit
from allrelapse.signatures.share import share_odds_ratio

__all__ = ["Refit", "cosine", "pool", "presence", "refit", "share_odds_ratio"]
