"""Genes that are hit in more patients than chance allows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import roots_genlaguerre
from scipy.stats import gamma as gamma_law
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.rates import confint_poisson

from allrelapse import exact
from allrelapse.enrichment.altered import kind_of_change
from allrelapse.enrichment.background import KINDS, Background
from allrelapse.enrichment.tails import tails
from allrelapse.errors import InputError

Array = NDArray[np.float64]
NODES = 24
"""Points of the integral over a gene's own factor."""
SMOOTH = 100.0
"""Shape of the gamma law from which on equal quantiles stand for Gauss and Laguerre's nodes."""


def gains(seen: pd.DataFrame) -> pd.DataFrame:
    """The protein-changing mutations that relapses gained.

    Parameters
    ----------
    seen : mutations of pairs with when they are seen (`signatures.occurrence`)

    Returns
    -------
    `patient`, `gene`, `kind` (missense, truncating, deletion, other), one row per mutation.
    """
    table = seen[seen["when"] == "relapse only"]
    table = table.assign(kind=kind_of_change(table["Variant_Classification"]))
    table = table.rename(columns={"Hugo_Symbol": "gene"}).dropna(subset=["gene", "kind"])
    return table[["patient", "gene", "kind"]].reset_index(drop=True)


def recurrence(
    gained: pd.DataFrame,
    background: Background,
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Which genes, or groups of genes, gained changes in more relapses than chance allows.

    Under chance a relapse i gains a change in gene g with probability 1 - exp(-f expected_ig),
    where f is the gene's own factor, gamma with mean 1. The number of patients hit is then a
    Poisson-binomial, mixed over f. A group is hit where any of its genes is.

    Parameters
    ----------
    gained : of `gains`; deletions are left out, as chance is learned from substitutions
    background : of `background`, learned from the same patients
    groups : names of genes by name of the group; each gene alone if not given

    Returns
    -------
    One row per gene or group, the surest first: `carriers` (patients), `expected` (patients by
    chance), `ratio` with its exact Poisson interval `lower`, `upper` (the expectation taken as
    known), `mutations`, `missense_ratio` and `truncating_ratio` (observed over what other
    genes make one expect, not over silent changes as dN/dS), `p_value` (one-sided), `q_value`.
    Genes without a gain have P = 1 and count for q.

    Raises
    ------
    InputError
        If a named gene has no exons in the background, so that nothing can be expected of it.

    Source: Hong 2013, Comput Stat Data Anal 59:41 (Poisson-binomial).
    """
    counted = gained[gained["kind"].isin(KINDS)]
    if groups is None:
        hit = counted["gene"].isin(background.opportunities.index)
        groups = {gene: [gene] for gene in sorted(counted.loc[hit, "gene"].unique())}
        tests = len(background.opportunities)
    else:
        tests = len(groups)
    names = list(groups)
    genes = sorted({gene for members in groups.values() for gene in members})
    if strange := sorted(set(genes) - set(background.opportunities.index)):
        raise InputError(f"genes without known exons: {', '.join(strange)}")
    by_gene = background.expected(genes)
    member = pd.DataFrame({n: [gene in groups[n] for gene in genes] for n in names}, genes)
    expected = by_gene.to_numpy() @ member.to_numpy(float)
    rows = [counted[counted["gene"].isin(list(groups[n]))] for n in names]
    carriers = np.array([part["patient"].nunique() for part in rows], dtype=np.int64)
    chance = (1 - np.exp(-expected)).sum(axis=0)
    table = pd.DataFrame({"gene": names, "carriers": carriers, "expected": chance})
    low, high = confint_poisson(carriers, 1, method="exact-c", alpha=1 - level)
    some = np.where(chance > 0, chance, np.nan)
    table["ratio"] = carriers / some
    table["lower"], table["upper"] = np.nan_to_num(low) / some, high / some
    table["mutations"] = [len(part) for part in rows]
    some_mutations = np.where(chance > 0, expected.sum(axis=0), np.nan)
    for kind in ("missense", "truncating"):
        share = background.shares[kind] / background.shares.sum()
        found = np.array([(part["kind"] == kind).sum() for part in rows])
        table[f"{kind}_ratio"] = found / (some_mutations * share) if share else np.nan
    table["p_value"] = tail_probability(expected, carriers, background.scatter)
    rest = pd.Series(np.ones(tests - len(table)), range(len(table), tests))
    q = exact.q_values(pd.concat([table["p_value"], rest])) if tests else table["p_value"]
    table["q_value"] = q.reindex(table.index)
    return table.sort_values(["p_value", "gene"]).reset_index(drop=True)


def tail_probability(expected: Array, carriers: NDArray[np.int64], scatter: float) -> Array:
    """P that as many patients or more are hit by chance, for each gene.

    Parameters
    ----------
    expected : mutations by chance, patients x genes
    carriers : patients that are hit, by gene
    scatter : squared coefficient of variation of a gene's factor, 0 for none
    """
    factors, weights = _factors(scatter)
    found = [tails(1 - np.exp(-factor * expected), carriers)[0] for factor in factors]
    return np.asarray(np.minimum(np.tensordot(weights, found, axes=1), 1.0))


def _factors(scatter: float) -> tuple[Array, Array]:
    """Values of a gamma variable with mean 1, and their weights in an integral over it."""
    if scatter <= 0:
        return np.ones(1), np.ones(1)
    shape = 1 / scatter
    if shape > SMOOTH:
        middle = (np.arange(NODES) + 0.5) / NODES
        return np.asarray(gamma_law.ppf(middle, shape, scale=scatter)), np.full(NODES, 1 / NODES)
    nodes, weights = roots_genlaguerre(NODES, shape - 1)
    return nodes * scatter, weights / weights.sum()


def dropped_anew(
    gained: pd.DataFrame,
    lengths: "pd.Series[float]",
    genes: Sequence[str],
    *,
    replicates: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """P of each gene's carriers when every patient's changes are dropped on genes by length.

    Keeps the burden of each patient and the length of each gene, and no other model. The second
    P guards against any false find among `genes`: how often one of them is as surprising.

    Parameters
    ----------
    gained : of `gains`; each patient's number of rows is kept
    lengths : bases of the exons by gene, of all genes on which a change can fall
    genes : those that are tested, of `lengths`

    Returns
    -------
    `gene`, `carriers`, `mean` by chance, `p_value`, `p_any` (Westfall & Young 1993), by P.

    Raises
    ------
    InputError
        If a gene is not among the lengths.
    """
    burden = gained[gained["gene"].isin(lengths.index)].groupby("patient").size().to_numpy()
    rng = np.random.default_rng(seed)
    if strange := sorted(set(genes) - set(lengths.index)):
        raise InputError(f"genes without known length: {', '.join(strange)}")
    share = (lengths[list(genes)] / lengths.sum()).to_numpy()
    drawn = np.zeros((replicates, len(genes)), dtype=np.int64)
    for changes in burden:
        fell = rng.multinomial(changes, np.r_[share, max(1 - share.sum(), 0)], size=replicates)
        drawn += fell[:, :-1] > 0
    hit = gained[["patient", "gene"]].drop_duplicates()["gene"].value_counts()
    carriers = hit.reindex(list(genes), fill_value=0).to_numpy()
    p_value = (1 + (drawn >= carriers).sum(axis=0)) / (replicates + 1)
    # each draw's own P among the draws, and its smallest over the genes
    sizes = np.arange(len(burden) + 2)
    reach = np.array([(drawn[:, [g]] >= sizes).mean(axis=0) for g in range(len(genes))])
    smallest = np.min([reach[g][drawn[:, g]] for g in range(len(genes))], axis=0)
    own = reach[np.arange(len(genes)), carriers]
    p_any = (1 + (smallest[:, None] <= own).sum(axis=0)) / (replicates + 1)
    table = pd.DataFrame({"gene": list(genes), "carriers": carriers, "mean": drawn.mean(axis=0)})
    table = table.assign(p_value=p_value, p_any=p_any)
    return table.sort_values(["p_value", "gene"]).reset_index(drop=True)


def genes_enriched(
    table: pd.DataFrame, patients: int, *, least: float = 0.01, level: float = 0.95
) -> exact.Estimate:
    """How many of the tested genes are enriched: those found, at least, and at most.

    At least: as many as Holm's test rejects. At most: all but those that carry a change in surely
    fewer than a share `least` of the relapses (by upper limits that share the error evenly). Each
    end errs with probability (1 - level) / 2 or less.

    Parameters
    ----------
    table : of `recurrence`, one row per tested gene
    patients : relapses
    least : share of relapses from which an enrichment would matter, fraction

    Returns
    -------
    Value: genes with q below 1 - level.

    Source: Goeman & Solari 2011, Stat Sci 26:584 (rejections as a confidence bound).
    """
    holm = multipletests(table["p_value"], method="holm")[1] < (1 - level) / 2
    shared = 1 - (1 - level) / len(table)  # of a two-sided interval, of which one end is used
    upper = [exact.proportion(int(k), patients, level=shared).upper for k in table["carriers"]]
    most = len(table) - int((np.array(upper) < least).sum())
    found = int((table["q_value"] < 1 - level).sum())
    return exact.Estimate(found, int(holm.sum()), max(most, int(holm.sum())))
