"""Refit: how many mutations of each sample a known signature explains."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from allrelapse.errors import InputError
from allrelapse.signatures import kernel, poisson
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.workers import spread

Flags = kernel.Flags
Resampling = Literal["poisson", "multinomial"]
FALSE_FINDS = 0.1  # samples that may gain a signature which they do not have


@dataclass(frozen=True, repr=False)
class Refit:
    """Fitted exposures.

    exposures : n x k, mutations
    reconstruction : cosine of observed and fitted spectrum, per sample (NaN without mutations)
    log_likelihood : per sample, without the constant
    p_values : n x k, one-sided, of the likelihood ratio without the signature; NaN where it is not
        active or is the only one, and all NaN in a dense fit. It comes after a choice of signatures
        and does not know of it: `presence` is the test of one signature.
    dispersion : variance over mean of the counts about the fit, per sample, at least 1
    lower, upper : n x k, ends of the bootstrap's percentile interval; None without replicates
    """

    exposures: pd.DataFrame
    reconstruction: "pd.Series[float]"
    log_likelihood: "pd.Series[float]"
    p_values: pd.DataFrame
    dispersion: "pd.Series[float]"
    lower: pd.DataFrame | None = None
    upper: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """A line: what was fitted."""
        samples, k = self.exposures.shape
        return f"<Refit of {samples} samples by {k} signatures>"


def refit(
    counts: pd.DataFrame,
    signatures: pd.DataFrame,
    *,
    sparse: bool = True,
    threshold: float | None = None,
    required: Iterable[str] = (),
    forbidden: Iterable[str] = (),
    opportunities: "pd.Series[float] | None" = None,
    replicates: int = 0,
    resampling: Resampling = "poisson",
    level: float = 0.95,
    seed: int = 0,
    executor: Executor | None = None,
) -> Refit:
    """Exposures of known signatures by maximum Poisson likelihood.

    Parameters
    ----------
    counts : 96 x n, mutations per channel and sample
    signatures : 96 x k, the columns sum to 1; genome signatures for genomes, exome for exomes
    sparse : keep only signatures that pay, by forward and backward selection (see
        `kernel.select`); otherwise all may take part
    threshold : by how much a signature must raise twice the log-likelihood, over the dispersion;
        default is the quantile at which, by the limiting law, one in ten samples gains a
        signature that it does not have, all candidates together (Bonferroni)
    required : signatures that every sample has
    forbidden : signatures that no sample has, such as those of `reference.ARTEFACTS` in the table
    opportunities : how often each channel could happen where the mutations were called, over how
        often where the signatures come from; they are converted
    replicates : if above 0, that many resampled spectra of each sample are fitted for intervals.
        They hold the chance of the counts, not the doubt about the model: where counts scatter
        more than Poisson or a process is in no catalogue they are too short.
    resampling : `poisson` about the observed counts, or `multinomial` with their total
    level : of the percentile intervals
    seed : of the resampling, which depends on nothing but it and the spectrum
    executor : spreads blocks of samples over its workers instead of this machine's cores

    Returns
    -------
    Exposures (n x k, mutations), the cosine of each reconstruction, and more; see `Refit`.

    Raises
    ------
    InputError
        If the tables cannot be matched, hold values that are no counts, a name is unknown, or an
        option is out of range.

    Source: Poisson model as in Alexandrov 2020, Nature 578:94 (Methods); bootstrap: Huang 2018,
    Bioinformatics 34:330.
    """
    _check(threshold, replicates, resampling, level, seed)
    x, w = matched(counts, converted(signatures, opportunities))
    needed = flags(signatures.columns, required)
    free = ~flags(signatures.columns, forbidden)
    if (needed & ~free).any() or not free.any():
        raise InputError("a signature is both required and forbidden, or none is left to fit")
    k = int(free.sum())
    if threshold is None:
        threshold = float(chi2.isf(min(2 * FALSE_FINDS / k, 1), 1))
    settings = (w, free, needed, float(threshold) if sparse else None)
    jobs = [
        (x[block], *settings, int(replicates), resampling, level, seed)
        for block in poisson.blocks(len(x))
    ]
    parts = [np.concatenate(part) for part in zip(*spread(_block, jobs, executor), strict=True)]
    exposures, loss, dispersion, lower, upper = parts
    freedom = np.maximum(len(w) - (exposures > 0).sum(axis=1), 1)[:, None]
    # a signature that is alone cannot be left out: nothing would be fitted
    law = np.where(np.isfinite(loss), f_distribution(1, freedom).sf(loss / dispersion) / 2, np.nan)
    mean = exposures @ w.T

    def table(values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=counts.columns, columns=signatures.columns)

    def series(values: Array, name: str) -> "pd.Series[float]":
        return pd.Series(values, index=counts.columns, name=name)

    return Refit(
        table(exposures),
        series(_row_cosine(x, mean), "cosine"),
        series(poisson.log_likelihood(x, mean), "log_likelihood"),
        table(law),
        series(dispersion[:, 0], "dispersion"),
        table(lower) if replicates else None,
        table(upper) if replicates else None,
    )


def _check(
    threshold: float | None, replicates: int, resampling: str, level: float, seed: int
) -> None:
    if threshold is not None and not threshold > 0:
        raise InputError(f"threshold is {threshold}; it must be above 0")
    check_whole(replicates=replicates, seed=seed)
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    if resampling not in ("poisson", "multinomial"):
        raise InputError(f"resampling is {resampling!r}; it must be poisson or multinomial")


def check_whole(least: int = 0, **numbers: float) -> None:
    """Refuse numbers that are not whole or below the least.

    Raises
    ------
    InputError
        Naming the number.
    """
    for name, value in numbers.items():
        if value != int(value) or value < least:
            raise InputError(f"{name} is {value}; it must be a whole number from {least}")


def flags(have: pd.Index, names: Iterable[str]) -> Flags:
    """Which signatures the names are; a word alone is one name, not its letters.

    Raises
    ------
    InputError
        If a name is not among them.
    """
    wanted = {names} if isinstance(names, str) else set(names)
    if strange := sorted(wanted - set(have), key=str):
        known = ", ".join(map(str, have))
        raise InputError(f"no signature {', '.join(map(str, strange))}; there are {known}")
    found: Flags = have.isin(list(wanted))
    return found


def converted(
    signatures: pd.DataFrame, opportunities: "pd.Series[float] | None" = None
) -> pd.DataFrame:
    """Signatures as they look where the channels have other opportunities; columns sum to 1.

    Parameters
    ----------
    signatures : 96 x k
    opportunities : per channel, relative to where the signatures come from; None changes nothing

    Raises
    ------
    InputError
        If a channel has no opportunity given, or one that is no positive number.
    """
    if opportunities is None:
        return signatures
    if opportunities.index.has_duplicates:
        raise InputError("opportunities: a channel occurs twice; each must occur once")
    factor = pd.to_numeric(opportunities, errors="coerce").reindex(signatures.index)
    wrong = factor.index[~(np.isfinite(factor) & (factor > 0))]
    if len(wrong):
        raise InputError(f"opportunities: channel {wrong[0]} must have a positive number")
    scaled = signatures.mul(factor, axis=0)
    return scaled / scaled.sum()


def _block(
    x: Array,
    w: Array,
    free: Flags,
    required: Flags,
    threshold: float | None,
    replicates: int,
    resampling: Resampling,
    level: float,
    seed: int,
) -> tuple[Array, Array, Array, Array, Array]:
    """Exposures, losses, dispersions (as a column) and interval ends of some samples."""
    wt = np.ascontiguousarray(w.T)
    exposures, loss, dispersion = _fitted(x, wt, free, required, threshold)
    lower, upper = np.zeros_like(exposures), np.zeros_like(exposures)
    if replicates:
        ends = [(1 - level) / 2, (1 + level) / 2]
        for i in range(len(x)):
            drawn = _resampled(x[i], replicates, resampling, poisson.stream(seed, x[i]))
            fits = _fitted(drawn, wt, free, required, threshold)[0]
            lower[i], upper[i] = np.quantile(fits, ends, axis=0)
    return exposures, loss, dispersion[:, None], lower, upper


def _fitted(
    x: Array, wt: Array, free: Flags, required: Flags, threshold: float | None
) -> tuple[Array, Array, Array]:
    """Exposures, losses (NaN where not active) and dispersion of each row."""
    if threshold is not None:
        exposures, loss, dispersion = kernel.select_all(x, wt, free, required, threshold)
        return exposures, np.where(exposures > 0, loss, np.nan), dispersion
    nothing = np.zeros((len(x), len(wt)))
    exposures = kernel.maximise_all(x, wt, np.zeros(x.shape), nothing, free)
    if np.isnan(exposures).any():
        raise ArithmeticError("the fit of a sample does not converge")
    dispersion = kernel.variance_ratios(x, wt, exposures, 0.5)
    return exposures, np.full_like(exposures, np.nan), dispersion


def _resampled(
    x: Array, replicates: int, resampling: Resampling, rng: np.random.Generator
) -> Array:
    """Spectra as the same sample might have given them, replicates x 96."""
    total = x.sum()
    if resampling == "poisson" or total == 0:
        return rng.poisson(x, size=(replicates, len(x))).astype(float)
    return rng.multinomial(int(total), x / total, size=replicates).astype(float)


def cosine(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Cosine similarity of every column of `a` (rows) with every column of `b` (columns)."""
    left, right = a / np.linalg.norm(a, axis=0), b / np.linalg.norm(b, axis=0)
    similarity: pd.DataFrame = left.T.dot(right.loc[left.index])
    return similarity


def matched(
    counts: pd.DataFrame, signatures: pd.DataFrame, name: str = "signatures"
) -> tuple[Array, Array]:
    """Both tables as arrays over the same channels: samples x 96 and 96 x signatures.

    `name` is what messages call the second.

    Raises
    ------
    InputError
        Naming the channels, samples or signatures that are wrong.
    """
    _check_labels("counts", counts)
    _check_labels(name, signatures)
    if set(counts.index) != set(signatures.index):
        odd = sorted(set(counts.index) ^ set(signatures.index), key=str)[:5]
        raise InputError(f"counts and {name} differ in their channels, e.g. {odd}")
    # rows contiguous and writable: compiled code is made for one layout only
    x = counts.loc[signatures.index].to_numpy(float).T.copy(order="C")
    w = signatures.to_numpy(float)
    wrong = ~np.isfinite(x) | (x < 0) | (x != np.floor(x))
    if wrong.any():
        i, c = np.argwhere(wrong)[0]
        where = f"sample {counts.columns[i]!r}, channel {signatures.index[c]!r}"
        raise InputError(f"counts: {where} is {x[i, c]}; counts are whole numbers from 0")
    check_distributions(name, signatures)
    return x, w / w.sum(axis=0)


def check_distributions(name: str, table: pd.DataFrame) -> None:
    """Refuse columns that are no probabilities of channels.

    Raises
    ------
    InputError
        Naming the columns.
    """
    w = table.to_numpy(float)
    off = ~np.isclose(w.sum(axis=0), 1, atol=1e-3) | ~(w >= 0).all(axis=0)
    if off.any():
        names = ", ".join(map(str, table.columns[off][:5])) + (", ..." if off.sum() > 5 else "")
        raise InputError(f"{name}: {names} must hold probabilities that sum to 1 over the channels")


def _check_labels(name: str, table: pd.DataFrame) -> None:
    if not isinstance(table, pd.DataFrame):
        kind = type(table).__name__
        raise InputError(f"{name}: give a table (DataFrame) with a row per channel, not {kind}")
    if table.shape[1] == 0:
        raise InputError(f"{name}: the table has no columns")
    for axis, labels in (("row", table.index), ("column", table.columns)):
        if labels.has_duplicates:
            twice = list(labels[labels.duplicated()].unique()[:5])
            raise InputError(f"{name}: {axis} names occur twice: {twice}; make them unique")
    if len(text := table.columns[~table.dtypes.map(pd.api.types.is_numeric_dtype).astype(bool)]):
        raise InputError(f"{name}: column {text[0]!r} does not hold numbers")


def _row_cosine(x: Array, y: Array) -> Array:
    norm = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    empty = norm == 0
    return np.where(empty, np.nan, np.sum(x * y, axis=1) / np.where(empty, 1, norm))
