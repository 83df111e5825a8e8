"""How often a gene would be hit by chance: each relapse's own processes on each gene's bases."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom

from allrelapse.data import published
from allrelapse.errors import InputError
from allrelapse.signatures.refit import refit

Array = NDArray[np.float64]
KINDS = ("missense", "truncating", "other")
"""Kinds of change that chance is known for; deletions are none, as it writes substitutions."""
NARROW, WIDE = 1e-3, 5.0
"""Limits of the squared coefficient of variation of gene factors; below them there is none."""


@dataclass(frozen=True)
class Background:
    """Chance gains of protein-changing mutations.

    per_site : substitutions per place of each channel, patients x 96
    opportunities : places of each channel in the exons of each gene, genes x 96
    shares : `KINDS`, protein-changing mutations of the kind per substitution in exons
    scatter : squared coefficient of variation of the genes' own factors, 0 for none
    """

    per_site: pd.DataFrame
    opportunities: pd.DataFrame
    shares: "pd.Series[float]"
    scatter: float

    def expected(self, genes: Collection[str]) -> pd.DataFrame:
        """Expected protein-changing gains, patients x genes; of a gene without exons none."""
        places = self.opportunities.reindex(list(genes), fill_value=0.0)
        return self.per_site @ places.T * self.shares.sum()


def gained_rates(seen: pd.DataFrame, menu: pd.DataFrame) -> pd.DataFrame:
    """Expected relapse-only substitutions per channel, by each relapse's own signatures.

    Parameters
    ----------
    seen : mutations of pairs with when they are seen (`signatures.occurrence`)
    menu : candidate signatures, 96 x k

    Returns
    -------
    96 x patients: of those with a relapse-only substitution whose context is known.
    """
    acquired = seen[(seen["when"] == "relapse only") & seen["channel"].notna()]
    counts = pd.crosstab(acquired["channel"], acquired["patient"])
    counts = counts.reindex(menu.index, fill_value=0)
    return menu @ refit(counts, menu).exposures.T


def background(
    gained: pd.DataFrame,
    rates: pd.DataFrame,
    opportunities: pd.DataFrame,
    genome: "pd.Series[float]",
    *,
    tested: Collection[str] = tuple(published.GENES),
) -> Background:
    """What chance does to genes, learned from all genes but those that are suspected.

    A substitution of channel c falls on each of the N_c places of the genome alike, so a gene
    with n_c of them is hit by sum over c of rate_c n_c / N_c. What share of these changes the
    protein, and how much genes scatter beyond that (replication time, expression), is learned
    from the gains in all genes that are not tested.

    Parameters
    ----------
    gained : protein-changing gains (`gains`): `patient`, `gene`, `kind`
    rates : expected gained substitutions per channel, 96 x patients (`gained_rates`), by
        signatures, so that few mutations do not leave channels empty
    opportunities : places of each channel in each gene's exons, genes x 96
    genome : places of each channel in all that was sequenced, by channel
    tested : genes that may be under selection

    Raises
    ------
    InputError
        If channels differ between the tables, or a patient with a gain has no rates.

    Source: adapted from dNdScv (Martincorena 2017, Cell 171:1029: gamma-Poisson rates of genes),
    with each patient's own processes, and other genes in place of silent changes and covariates.
    """
    if set(rates.index) != set(genome.index) or set(rates.index) != set(opportunities.columns):
        raise InputError("rates, opportunities and genome must name the same 96 channels")
    if strange := sorted(set(gained["patient"]) - set(rates.columns)):
        raise InputError(f"patients with gains but without rates: {', '.join(strange[:5])}")
    per_site = rates.T.div(genome, axis=1)[opportunities.columns]
    others = opportunities.index.difference(list(tested))
    expected = opportunities.loc[others] @ per_site.sum()
    seen = gained[gained["gene"].isin(others)]
    total = float(expected.sum())
    counts = seen["kind"].value_counts().reindex(list(KINDS), fill_value=0)
    if not total or not counts.sum():
        raise InputError("no gain in any gene that is not tested: the background cannot be learned")
    hits = seen.loc[seen["kind"].isin(KINDS), "gene"].value_counts()
    observed = np.asarray(hits.reindex(others, fill_value=0), float)
    by_chance = np.asarray(expected, float) * counts.sum() / total
    scatter = _scatter(observed, by_chance)
    return Background(per_site, opportunities, counts / total, scatter)


def _scatter(observed: Array, expected: Array) -> float:
    """Squared coefficient of variation of gene factors, by maximum likelihood (gamma-Poisson)."""
    inside = expected > 0
    observed, expected = observed[inside], expected[inside]

    def loss(log_scatter: float) -> float:
        shape = np.exp(-log_scatter)
        return -float(nbinom.logpmf(observed, shape, shape / (shape + expected)).sum())

    limits = (np.log(NARROW), np.log(WIDE))
    best = minimize_scalar(loss, bounds=limits, method="bounded").x
    # at the edge the likelihood says nothing against one rate for all
    return 0.0 if best < limits[0] + 0.1 else float(np.exp(best))
