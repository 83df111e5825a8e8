"""Mutational signatures: which processes wrote a tumour's mutations, and how sure one can be."""

from allrelapse.signatures.attribute import (
    attribute,
    attributed_share,
    compatible_channels,
    hard_share,
    likelihood_ratio,
)
from allrelapse.signatures.calibration import brier, reliability
from allrelapse.signatures.compare import CosineTest, cosine_test, decompose, match
from allrelapse.signatures.detection import detection_limit, median_limits
from allrelapse.signatures.exceptions import examine
from allrelapse.signatures.extract import Extraction, extract
from allrelapse.signatures.occurrence import gained_spectra, occurrence
from allrelapse.signatures.posterior import Draws, exposure_draws
from allrelapse.signatures.presence import pool, presence
from allrelapse.signatures.refit import Refit, cosine, refit
from allrelapse.signatures.share import share_odds_ratio

__all__ = [
    "CosineTest",
    "Draws",
    "Extraction",
    "Refit",
    "attribute",
    "attributed_share",
    "brier",
    "compatible_channels",
    "cosine",
    "cosine_test",
    "decompose",
    "detection_limit",
    "examine",
    "exposure_draws",
    "extract",
    "gained_spectra",
    "hard_share",
    "likelihood_ratio",
    "match",
    "median_limits",
    "occurrence",
    "pool",
    "presence",
    "refit",
    "reliability",
    "share_odds_ratio",
]
