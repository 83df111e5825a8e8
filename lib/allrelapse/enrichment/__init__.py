"""Genes that are hit at relapse: which, in whom, and more often than chance allows."""

from allrelapse.enrichment.altered import (
    UNCHANGED,
    altered_genes,
    gained_by_timing,
    kind_of_change,
    relapse_specific,
)
from allrelapse.enrichment.background import Background, background, gained_rates
from allrelapse.enrichment.exclusive import cooccurrence
from allrelapse.enrichment.power import gain_power, recurrence_power
from allrelapse.enrichment.recurrence import dropped_anew, gains, genes_enriched, recurrence

__all__ = [
    "UNCHANGED",
    "Background",
    "altered_genes",
    "background",
    "cooccurrence",
    "dropped_anew",
    "gain_power",
    "gained_by_timing",
    "gained_rates",
    "gains",
    "genes_enriched",
    "kind_of_change",
    "recurrence",
    "recurrence_power",
    "relapse_specific",
]
