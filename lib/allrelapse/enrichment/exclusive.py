"""Genes that are hit together, or apart, more often than the burden of patients explains."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse import exact
from allrelapse.enrichment.tails import tails
from allrelapse.errors import InputError

Array = NDArray[np.float64]
ROUNDS = 500


def cooccurrence(
    hits: pd.DataFrame,
    genes: Sequence[str],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    strata: "pd.Series[str] | None" = None,
) -> pd.DataFrame:
    """Are two genes hit in the same patients more, or less, often than chance allows?

    A patient with many changes has any two genes hit together more easily, so that Fisher's test
    finds co-occurrence where there is only burden. Here the chance of each gene in each patient
    follows both: logit p_ig = a_i + b_g with the sums of patients and of genes as observed.

    Parameters
    ----------
    hits : patients x genes, truth values, of **all** genes, as they tell the patients' burdens
    genes : those whose pairs are tested; or `pairs` themselves
    strata : group of each patient, same index, such as the timing of relapse; sums are then kept
        in each group, so that genes of one group do not look as if they belonged together

    Returns
    -------
    One row per pair: `gene`, `other`, patients with `first`, `second` and `both`, `expected`,
    `p_together`, `p_apart` (one-sided), `p_fisher` (two-sided, blind to burden), and `q_together`,
    `q_apart` over the pairs.

    Raises
    ------
    InputError
        If a gene is not in the table.

    Source: Canisius 2016, Genome Biol 17:261 (DISCOVER).
    """
    tested = list(combinations(genes, 2)) if pairs is None else list(pairs)
    if strange := sorted({gene for pair in tested for gene in pair} - set(hits.columns)):
        raise InputError(f"genes that are not in the table: {', '.join(strange)}")
    groups = [hits] if strata is None else [part for _, part in hits.groupby(strata, dropna=False)]
    parts = [pd.DataFrame(margins_kept(g.to_numpy(bool)), g.index, g.columns) for g in groups]
    chance = pd.concat(parts).reindex(hits.index)
    first, second = ([pair[side] for pair in tested] for side in (0, 1))
    one, other = hits[first].to_numpy(bool), hits[second].to_numpy(bool)
    together = chance[first].to_numpy() * chance[second].to_numpy()
    both = (one & other).sum(axis=0)
    table = pd.DataFrame({"gene": first, "other": second})
    table["first"], table["second"], table["both"] = one.sum(axis=0), other.sum(axis=0), both
    table["expected"] = together.sum(axis=0)
    table["p_together"], table["p_apart"] = tails(together, both)
    table["p_fisher"] = [_fisher(a, b) for a, b in zip(one.T, other.T, strict=True)]
    for side in ("together", "apart"):
        table[f"q_{side}"] = exact.q_values(table[f"p_{side}"])
    return table


def margins_kept(found: NDArray[np.bool_]) -> Array:
    """Chances p_ig with logit a_i + b_g that keep the sum of every row and column.

    The likeliest of all tables of chances with these sums (maximum entropy). Rows and columns
    with equal sums have equal chances, so that few numbers are fitted.
    """
    rows, row = np.unique(found.sum(axis=1), return_inverse=True)
    columns, column = np.unique(found.sum(axis=0), return_inverse=True)
    n, m = np.bincount(row), np.bincount(column)
    # where nothing or everything is hit the chance is 0 or 1, not fitted
    free = ((rows > 0) & (rows < found.shape[1]))[:, None]
    free = free & ((columns > 0) & (columns < found.shape[0]))
    fixed = (rows == found.shape[1])[:, None] | (columns == found.shape[0])
    a, b = np.zeros(len(rows)), np.log((columns + 0.5) / (found.shape[0] - columns + 0.5))
    p = np.zeros(free.shape)
    for _ in range(ROUNDS):
        before = p
        p = np.where(free, 1 / (1 + np.exp(-a[:, None] - b)), fixed)
        a = a + _step(rows - (p * m).sum(axis=1), (p * (1 - p) * m).sum(axis=1))
        p = np.where(free, 1 / (1 + np.exp(-a[:, None] - b)), fixed)
        b = b + _step(columns - (p.T * n).sum(axis=1), (p * (1 - p)).T @ n)
        if np.abs(p - before).max() < 1e-12:
            break
    return np.asarray(p[row][:, column])


def _step(lacking: Array, slope: Array) -> Array:
    """Newton's step, no longer than 1."""
    step = np.divide(lacking, slope, out=np.zeros_like(lacking, dtype=float), where=slope > 0)
    return np.asarray(np.clip(step, -1, 1))


def _fisher(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Fisher's exact P of independence."""
    inside, outside = int(first.sum()), int((~first).sum())
    if not inside or not outside:
        return 1.0
    return exact.fisher_p(
        int((first & second).sum()), inside, int((~first & second).sum()), outside
    )
