"""Genes that relapses hit more often than chance does."""

import pandas as pd

from allrelapse import enrichment, landscape
from allrelapse.data import genome, published, reference
from allrelapse.enrichment import Background
from allrelapse.exact import Estimate
from allrelapse.multiverse.given import Evidence, Given, fewer, mutations_seen


def _chance(given: Given, reads: int, cosmic_version: str) -> tuple[pd.DataFrame, Background, int]:
    """Gains, what chance makes of them, and the number of relapses (notebook 03)."""
    seen = given.once(mutations_seen, reads)
    exome = landscape.are_exomes(given.samples)
    catalogue = reference.cosmic(cosmic_version, exome=exome)
    menu = catalogue[reference.named(catalogue, reference.LEUKAEMIA)]
    rates = enrichment.gained_rates(seen, menu)
    gained = enrichment.gains(seen).query("kind != 'deletion'")
    gained = gained[gained["patient"].isin(rates.columns)]
    everywhere = genome.opportunities(exome=exome)
    chance = enrichment.background(gained, rates, genome.gene_opportunities(), everywhere)
    return gained, chance, rates.shape[1]


def enriched_genes(
    given: Given,
    *,
    hypermutators: bool = True,
    reads: int = 3,
    cosmic_version: str = "3.4",
    scatter: bool = True,
    least: float = 0.01,
) -> list[Evidence]:
    """How many of the 12 genes are hit in more relapses than chance explains.

    hypermutators : whether relapses with far more mutations than usual count
    reads : with a variant, from which it counts as seen
    cosmic_version : of the signatures by which each relapse's mutations are spread over genes
    scatter : whether genes may differ in their rate beyond length and signatures
    least : share of relapses from which an enrichment would matter; for the upper limit
    """
    if not given.has_contexts:
        return []
    here = given.once(fewer, hypermutators)
    gained, chance, relapses = here.once(_chance, reads, cosmic_version)
    if not scatter:
        chance = Background(chance.per_site, chance.opportunities, chance.shares, 0.0)
    genes = {gene: [gene] for gene in published.GENES}
    twelve = enrichment.recurrence(gained, chance, genes)
    number: Estimate = enrichment.genes_enriched(twelve, relapses, least=least)
    clones = here.truth("clones")
    truth = None if clones is None else clones["gene"].nunique()
    told = number.upper < len(genes)
    return [here.evidence("relapse_genes", number, relapses, truth, told=told)]
