"""Refit: how many mutations of each sample a known signature explains."""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allrelapse.errors import InputError
from allrelapse.signatures import poisson
from allrelapse.signatures.poisson import Array


@dataclass(frozen=True)
class Refit:
    """Fitted exposures.

    exposures : n x k, mutations
    reconstruction : cosine of observed and fitted spectrum, per sample (NaN without mutations)
    log_likelihood : per sample, without the constant
    """

    exposures: pd.DataFrame
    reconstruction: pd.Series
    log_likelihood: pd.Series


def refit(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    *,
    sparse: bool = True,
    threshold: float = 6.63,
    executor: Executor | None = None,
) -> Refit:
    """Exposures of known signatures by maximum Poisson likelihood.

    Parameters
    ----------
    counts : 96 x n, mutations per channel and sample
    signatures : 96 x k, the columns sum to 1; genome signatures for genomes, exome for exomes
    sparse : keep only signatures that raise twice the log-likelihood by more than `threshold`
        (forward selection, then backward); otherwise all may take part
    threshold : default is the .99 quantile of chi-squared with one degree of freedom
    executor : spreads blocks of samples over workers, if given

    Raises
    ------
    InputError
        If the tables cannot be matched or hold values that are no counts.

    Source: Poisson model as in Alexandrov 2020, Nature 578:94 (Methods); see `poisson.fit`.
    """
    x, w = matched(counts, signatures)
    block = 256
    blocks = [x[i : i + block] for i in range(0, len(x), block)]
    solve = _select if sparse else _dense
    jobs = [(b, w, threshold) for b in blocks]
    parts = list(
        executor.map(solve, *zip(*jobs, strict=True))
        if executor
        else map(solve, *zip(*jobs, strict=True))
    )
    exposures = np.concatenate(parts)
    mean = exposures @ w.T
    return Refit(
        pd.DataFrame(exposures, index=counts.columns, columns=signatures.columns),
        pd.Series(_row_cosine(x, mean), index=counts.columns, name="cosine"),
        pd.Series(poisson.log_likelihood(x, mean), index=counts.columns, name="log_likelihood"),
    )


def cosine(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Cosine similarity of every column of `a` (rows) with every column of `b` (columns)."""
    left, right = a / np.linalg.norm(a, axis=0), b / np.linalg.norm(b, axis=0)
    similarity: pd.DataFrame = left.T.dot(right.loc[left.index])
    return similarity


def matched(counts: pd.DataFrame, signatures: pd.DataFrame) -> tuple[Array, Array]:
    """Both tables as arrays over the same channels: samples x 96 and 96 x signatures.

    Raises
    ------
    InputError
        Naming the channels, samples or signatures that are wrong.
    """
    for name, table in (("counts", counts), ("signatures", signatures)):
        if table.shape[1] == 0:
            raise InputError(f"{name}: the table has no columns")
        for axis, labels in (("row", table.index), ("column", table.columns)):
            if labels.has_duplicates:
                twice = list(labels[labels.duplicated()].unique()[:5])
                raise InputError(f"{name}: {axis} names occur twice: {twice}; make them unique")
    if set(counts.index) != set(signatures.index):
        odd = sorted(set(counts.index) ^ set(signatures.index), key=str)[:5]
        raise InputError(f"counts and signatures differ in their channels, e.g. {odd}")
    x = counts.loc[signatures.index].to_numpy(float).T
    w = signatures.to_numpy(float)
    wrong = ~np.isfinite(x) | (x < 0) | (x != np.floor(x))
    if wrong.any():
        i, c = np.argwhere(wrong)[0]
        where = f"sample {counts.columns[i]!r}, channel {signatures.index[c]!r}"
        raise InputError(f"counts: {where} is {x[i, c]}; counts are whole numbers from 0")
    off = ~np.isclose(w.sum(axis=0), 1, atol=1e-3) | (w < 0).any(axis=0)
    if off.any():
        names = list(signatures.columns[off][:5])
        raise InputError(f"signatures: {names} are not probabilities that sum to 1 per column")
    return x, w / w.sum(axis=0)


def _row_cosine(x: Array, y: Array) -> Array:
    norm = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    empty = norm == 0
    return np.where(empty, np.nan, np.sum(x * y, axis=1) / np.where(empty, 1, norm))


def even_start(x: Array, k: int) -> Array:
    """Every signature an equal share of each sample's mutations."""
    return np.repeat(x.sum(axis=1, keepdims=True) / k, k, axis=1)


def _dense(x: Array, w: Array, threshold: float) -> Array:
    return poisson.fit(x, w, even_start(x, w.shape[1]))


def _select(x: Array, w: Array, threshold: float) -> Array:
    return _backward(x, w, _forward(x, w, threshold), threshold)


def _forward(x: Array, w: Array, threshold: float) -> Array:
    """From the best single signature, add the most promising one while it pays."""
    total = x.sum(axis=1)
    rows = np.arange(len(x))
    e = np.zeros((len(x), w.shape[1]))
    e[rows, np.argmax(x @ np.log(np.maximum(w, poisson.TINY)), axis=1)] = total
    open_rows = rows[total > 0]
    while open_rows.size:
        now, n = e[open_rows], total[open_rows, None]
        mean = np.maximum(now @ w.T, poisson.TINY)
        slope = n * ((x[open_rows] / mean) @ w - 1)
        curvature = n**2 * ((x[open_rows] / mean**2) @ w**2) - 2 * slope - n
        promise = np.where(now > 0, 0, np.maximum(slope, 0) ** 2 / np.maximum(curvature, 1e-9))
        best = promise.argmax(axis=1)
        trial = now.copy()
        trial[np.arange(len(best)), best] = n[:, 0] / 20
        trial = poisson.fit(x[open_rows], w, trial)
        gain = 2 * (
            poisson.log_likelihood(x[open_rows], trial @ w.T)
            - poisson.log_likelihood(x[open_rows], mean)
        )
        open_rows, trial = open_rows[gain > threshold], trial[gain > threshold]
        e[open_rows] = trial
    return e


def _backward(x: Array, w: Array, e: Array, threshold: float) -> Array:
    """Drop the signature that is missed least while twice the loss stays within threshold."""
    e = e.copy()
    open_rows = np.flatnonzero((e > 0).sum(axis=1) > 1)
    while open_rows.size:
        loss = np.full((open_rows.size, w.shape[1]), np.inf)
        fits = np.zeros((open_rows.size, w.shape[1], w.shape[1]))
        full = poisson.log_likelihood(x[open_rows], e[open_rows] @ w.T)
        for k in np.flatnonzero((e[open_rows] > 0).any(axis=0)):
            has = np.flatnonzero(e[open_rows, k] > 0)
            without = e[open_rows[has]].copy()
            without[:, k] = 0
            fits[has, k] = poisson.fit(x[open_rows[has]], w, without)
            mean = fits[has, k] @ w.T
            loss[has, k] = 2 * (full[has] - poisson.log_likelihood(x[open_rows[has]], mean))
        least = loss.argmin(axis=1)
        drop = loss.min(axis=1) < threshold
        e[open_rows[drop]] = fits[drop, least[drop]]
        open_rows = open_rows[drop & ((e[open_rows] > 0).sum(axis=1) > 1)]
    return e
