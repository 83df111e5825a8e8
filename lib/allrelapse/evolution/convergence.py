"""Convergent evolution: two clones of one patient that hit the same gene in different ways.

Two hits in one gene may also lie in one clone (both copies lost), or one may follow the other in a
line of descent. Only hits on branches of which neither descends from the other arose as answers to
the same need.
"""

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.data import published
from allrelapse.enrichment import kind_of_change
from allrelapse.errors import InputError
from allrelapse.evolution import clones as clonal
from allrelapse.evolution import evidence
from allrelapse.evolution.clones import Clones
from allrelapse.evolution.trees import ROOT, Trees, admissible

Array = NDArray[np.float64]
ANY = "any of 12"
"""Name of all genes together, among the genes of `judged`."""


def several_hits(seen: pd.DataFrame) -> pd.DataFrame:
    """Protein-changing gains in the 12 genes, of the relapses that have two or more different ones.

    Parameters
    ----------
    seen : mutations of pairs with when they are seen (`signatures.occurrence`)

    Returns
    -------
    The rows of `seen` with `gene` for `Hugo_Symbol` and the name of the `variant`.
    """
    new = seen[(seen["when"] == "relapse only") & seen["Hugo_Symbol"].isin(published.GENES)]
    new = new[kind_of_change(new["Variant_Classification"]).notna()]
    new = new.rename(columns={"Hugo_Symbol": "gene"})
    new = new.assign(variant=evidence.variant_names(new))
    return new[new.groupby("patient")["variant"].transform("nunique") > 1]


def judged(
    hits: pd.DataFrame,
    mutations: pd.DataFrame,
    samples: pd.DataFrame,
    sexes: "pd.Series[str]",
    *,
    most: int,
    error: float,
    tolerance: float = 0.05,
    seed: int = 0,
) -> pd.DataFrame:
    """`convergent` for each relapse with several hits, by gene and for any of the 12 together.

    Parameters
    ----------
    hits : of `several_hits`
    mutations, samples : tables of a cohort
    sexes : by patient; may lack some
    most, error, seed : of `clones.cluster`
    tolerance : of `trees.admissible`

    Returns
    -------
    The rows of `convergent` with `patient`.
    """
    rows = []
    for patient, own in hits.groupby("patient"):
        pair = samples[samples["patient"] == patient]
        reads = evidence.paired_reads(mutations, pair, sexes.get(patient))
        fit = clonal.cluster(reads, most=most, error=error, seed=seed)
        trees = admissible(fit, tolerance=tolerance, seed=seed)
        each = pd.concat([own, own.assign(gene=ANY)])
        each = each[each["variant"].isin(fit.responsibility.index)]
        rows.append(convergent(each, fit, trees).assign(patient=patient))
    return pd.concat(rows) if rows else pd.DataFrame(columns=["patient", "gene", "p_convergent"])


def convergent(hits: pd.DataFrame, clones: Clones, trees: Trees) -> pd.DataFrame:
    """Probability of convergent evolution for every gene with two or more different hits.

    Hits belong to clones independently, with the responsibilities of the mixture; trees count by
    their probabilities. The hits of a gene converged if two of them sit in clones neither of which
    descends from the other; they did not if all lie on one line of descent.

    Parameters
    ----------
    hits : `variant` and `gene`, a row per hit of one patient; a row that is repeated counts once
    clones : of the same patient, from `clones.cluster` with all these variants
    trees : of these clones, from `trees.admissible`

    Returns
    -------
    One row per gene, the surest first: `gene`, `hits` (number), `variants` (tuple),
    `p_different_clones` (that they are not all in one clone) and `p_convergent` (missing if there
    is no admissible tree).

    Raises
    ------
    InputError
        If a column lacks, or a hit is none of the variants of the clones.
    """
    if missing := [name for name in ("variant", "gene") if name not in hits]:
        raise InputError(f"hits has no column {', '.join(missing)}; add it")
    if strange := sorted(set(hits["variant"]) - set(clones.responsibility.index), key=str):
        named = ", ".join(map(str, strange[:3]))
        raise InputError(f"hits: no reads of {named}; cluster them with the other variants")
    lines = [_line_of_descent(tree) for tree in trees.graphs]
    rows = []
    for gene, group in hits[["variant", "gene"]].drop_duplicates().groupby("gene"):
        if len(group) < 2:
            continue
        share = clones.responsibility.loc[group["variant"]]
        each = [1 - _on_one_line(share, line) for line in lines]
        apart = float(trees.probability @ each) if each else np.nan
        together = float(share.prod(axis=0).sum())
        rows.append((gene, len(group), tuple(group["variant"]), 1 - together, apart))
    columns = ["gene", "hits", "variants", "p_different_clones", "p_convergent"]
    table = pd.DataFrame(rows, columns=columns)
    by = ["p_convergent", "p_different_clones"]
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)


def _on_one_line(share: pd.DataFrame, parents: dict[int, int | None]) -> float:
    """P that all hits lie between the founder and some clone.

    Those with clone k as the lowest that is hit: all within the line to k less all within that to
    its parent. These events exclude each other.
    """
    within: dict[int | None, Array] = {None: np.zeros(len(share))}
    total = 0.0
    for clone, parent in parents.items():  # parents come first
        here = 0.0 if clone == ROOT else share[clone].to_numpy()
        within[clone] = np.asarray(within[parent] + here)
        total += float(within[clone].prod() - within[parent].prod())
    return total


def _line_of_descent(tree: "nx.DiGraph") -> dict[int, int | None]:
    """The parent of every clone, parents before their children."""
    return {node: next(tree.predecessors(node), None) for node in nx.topological_sort(tree)}


def number_interval(chances: "pd.Series[float]", level: float = 0.95) -> tuple[float, float]:
    """Interval of how many of several things are true, given the probability of each.

    Parameters
    ----------
    chances : of things that are independent, such as convergence in several patients
    level : of the interval

    Source: Poisson-binomial law, one thing convolved with the sum of the others. Quantiles of
    `scipy.stats.poisson_binom` fail with more than about 60 things.
    """
    law, tail = np.ones(1), (1 - level) / 2
    for p in chances.clip(0, 1).to_numpy(float):
        law = np.convolve(law, [1 - p, p])
    below = np.minimum(law.cumsum() + 1e-12, 1)  # rounding must not move an end
    low, high = np.searchsorted(below, [tail, 1 - tail])
    return float(low), float(high)
