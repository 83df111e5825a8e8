"""Attribution: which process wrote a mutation, and how many of a set a process wrote."""

import re
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from allrelapse.data import spectra
from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.posterior import UNKNOWN, Draws
from allrelapse.signatures.refit import check_distributions, flags

Places = NDArray[np.intp]

IUPAC = {"R": "AG", "Y": "CT", "N": "ACGT"}
BLOCK = 500
"""Cells of sample and channel whose draws are held at a time, to bound memory."""


def attribute(
    mutations: pd.DataFrame,
    exposures: pd.DataFrame,
    signatures: pd.DataFrame,
    *,
    by: str = "sample",
    bootstraps: Draws | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Probability of each signature for each mutation: P(s | c) = e_s w_sc / sum_k e_k w_kc.

    Parameters
    ----------
    mutations : one per row, with column `by` and the `channel` as A[C>A]A; without `channel`, the
        columns `Reference_Allele`, `Tumor_Seq_Allele2` and `context` of a cohort's mutations
    exposures : mutations, one row per sample, clone or whatever `by` names; columns are signatures.
        With `bootstraps` these take their place, and `exposures` is only checked
    signatures : 96 x k, with at least these signatures
    by : column of `mutations` that says whose exposures are a mutation's
    bootstraps : draws of the exposures (`exposure_draws`), which carry their uncertainty and say
        what an unknown process may have made
    level : of the interval that is taken from them

    Returns
    -------
    Mutations x signatures, rows as in `mutations`. With `bootstraps`, three such tables side by
    side, `probability` (the mean over the draws), `lower` and `upper`, and `unknown` as a further
    signature. Rows sum to 1, or are NaN: a mutation without a channel, or one in a channel that
    no signature with exposure can make.

    Raises
    ------
    InputError
        If a column is absent, a sample has no exposures, a channel is none of the 96, or exposures
        and signatures do not fit.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    w = _fitting(exposures, signatures)
    sample, channel = _placed(mutations, by, exposures.index, signatures.index)
    if bootstraps is None:
        made = exposures.to_numpy(float)[sample] * w[channel]
        total = made.sum(axis=1, keepdims=True)
        share = made / np.where(total > 0, total, np.nan)
        return _table(share, channel, mutations.index, exposures.columns)
    sample, channel = _placed(mutations, by, bootstraps.samples, bootstraps.channels)
    names = bootstraps.signatures.append(pd.Index([UNKNOWN]))
    summary = _summary(bootstraps, sample, channel, level)
    parts = zip(("probability", "lower", "upper"), summary, strict=True)
    tables = {name: _table(part, channel, mutations.index, names) for name, part in parts}
    return pd.concat(tables, axis=1, names=["quantity", "signature"])


def _summary(draws: Draws, sample: Places, channel: Places, level: float) -> Array:
    """Mean and ends of the interval of each probability, 3 x mutations x (k + 1)."""
    cell, back = np.unique(sample * len(draws.channels) + channel.clip(0), return_inverse=True)
    found = np.empty((3, len(cell), len(draws.signatures) + 1))
    for block in _blocks(len(cell)):
        drawn = draws.probability(*np.divmod(cell[block], len(draws.channels)))
        drawn = np.concatenate([drawn, 1 - drawn.sum(axis=2, keepdims=True)], axis=2)
        found[0, block] = drawn.mean(axis=0)
        found[1:, block] = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return found[:, back]


def attributed_share(
    mutations: pd.DataFrame,
    draws: Draws,
    targets: Collection[str],
    *,
    by: str = "sample",
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Share of a set of mutations that the targets made, with a predictive interval.

    What made these very mutations is a number of them, not an expectation. So for each draw of
    the exposures, each mutation is given to the targets with its probability: the interval holds
    the uncertainty of the exposures and the chance of the assignment. Mutations without a channel
    are left out.

    Parameters
    ----------
    mutations, by : as in `attribute`
    draws : of the exposures
    targets : names of signatures
    level : of the interval
    seed : of the assignments

    Returns
    -------
    Fraction; value, lower and upper.

    Raises
    ------
    InputError
        As `attribute`; or if a target is unknown, or no mutation has a channel.
    """
    chosen = flags(draws.signatures, targets)
    if not chosen.any():
        raise InputError("targets: name at least one signature")
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must lie between 0 and 1")
    sample, channel = _placed(mutations, by, draws.samples, draws.channels)
    cell, times = np.unique(
        sample[channel >= 0] * len(draws.channels) + channel[channel >= 0], return_counts=True
    )
    if not len(cell):
        raise InputError("none of the mutations has a channel, so nothing can be attributed")
    rng = np.random.default_rng([seed, len(cell)])
    expected, assigned = np.zeros(len(draws.exposures)), np.zeros(len(draws.exposures))
    for block in _blocks(len(cell)):
        p = draws.probability(*np.divmod(cell[block], len(draws.channels)))[:, :, chosen]
        p = np.nan_to_num(p.sum(axis=2)).clip(0, 1)
        expected += p @ times[block]
        assigned += rng.binomial(times[block], p).sum(axis=1)
    low, high = np.quantile(assigned, [(1 - level) / 2, (1 + level) / 2])
    size = times.sum()
    return Estimate(float(expected.mean() / size), float(low / size), float(high / size))


def hard_share(probability: pd.DataFrame, targets: Collection[str]) -> float:
    """Share of mutations that the targets made by the usual shortcut: P above one half counts as 1.

    Biased, as a hundred mutations with P = .4 are taken for none; kept to be compared with.

    Parameters
    ----------
    probability : mutations x signatures, from `attribute`; rows of NaN are left out
    """
    sums = probability[list(targets)].sum(axis=1, skipna=False).dropna()
    return float((sums > 0.5).mean())


def compatible_channels(pattern: str) -> list[str]:
    """The channels that a pattern with R (A or G), Y (C or T) or N (any) around it may mean.

    Raises
    ------
    InputError
        If it is no pattern such as `Y[C>T]G`.
    """
    parts = re.fullmatch(r"([ACGTRYN])(\[[CT]>[ACGT]\])([ACGTRYN])", pattern)
    if parts is None:
        raise InputError(f"{pattern!r} is no channel; write it as A[C>T]G, R, Y and N for several")
    before, middle, after = parts.groups()
    return [f"{b}{middle}{a}" for b in IUPAC.get(before, before) for a in IUPAC.get(after, after)]


def likelihood_ratio(
    patterns: Iterable[str], rates: pd.DataFrame, first: str, second: str
) -> pd.DataFrame:
    """How much likelier one signature hits a site than another, for the site's possible contexts.

    Parameters
    ----------
    patterns : channels, with R, Y or N where a neighbour is not known
    rates : 96 x k, how often a signature hits one site of a channel: signatures divided by the
        genome's opportunities. For a pattern of one channel these cancel.
    first, second : names of signatures

    Returns
    -------
    One row per pattern: `ratio` (of the mean rates, all possible contexts alike), `lowest` and
    `highest` over the contexts; infinite where the second never hits.
    """
    rows = []
    for pattern in patterns:
        pair = rates.loc[compatible_channels(pattern), [first, second]].to_numpy(float)
        with np.errstate(divide="ignore"):
            single = pair[:, 0] / pair[:, 1]
            together = pair[:, 0].mean() / pair[:, 1].mean()
        rows.append((pattern, together, single.min(), single.max()))
    return pd.DataFrame(rows, columns=["pattern", "ratio", "lowest", "highest"])


def _fitting(exposures: pd.DataFrame, signatures: pd.DataFrame) -> Array:
    """The signatures of the exposures, 96 x k, after checking both tables."""
    for name, labels in (("samples", exposures.index), ("signatures", exposures.columns)):
        if labels.has_duplicates:
            twice = list(labels[labels.duplicated()].unique()[:5])
            raise InputError(f"exposures: {name} occur twice: {twice}; make them unique")
    if strange := [s for s in exposures if s not in signatures]:
        raise InputError(f"exposures of {strange[:5]} but no such signatures; add them")
    values = exposures.to_numpy(float)
    if (~np.isfinite(values) | (values < 0)).any():
        i, k = np.argwhere(~np.isfinite(values) | (values < 0))[0]
        where = f"{exposures.index[i]!r}, {exposures.columns[k]!r}"
        raise InputError(f"exposures: {where} is {values[i, k]}; exposures are numbers from 0")
    check_distributions("signatures", used := signatures[list(exposures.columns)])
    return used.to_numpy(float)


def _placed(
    mutations: pd.DataFrame, by: str, samples: pd.Index, channels: pd.Index
) -> tuple[Places, Places]:
    """Places of each mutation's sample and channel, -1 for a mutation without a channel."""
    if by not in mutations:
        raise InputError(f"mutations: column {by!r} is absent: add it, or name another with `by`")
    found = _channels(mutations)
    channel = channels.get_indexer(pd.Index(found))
    wrong = (channel < 0) & found.notna().to_numpy()
    if wrong.any():
        odd = list(found[wrong].unique()[:5])
        raise InputError(f"mutations: channels {odd} are none of the signatures', such as A[C>A]A")
    sample = samples.get_indexer(pd.Index(mutations[by]))
    if (sample < 0).any():
        lost = list(mutations.loc[sample < 0, by].unique()[:5])
        raise InputError(f"mutations: no exposures of {by} {lost}; fit them, or leave them out")
    return sample, channel


def _channels(mutations: pd.DataFrame) -> "pd.Series[str]":
    """The channel of each mutation, missing where it has none."""
    if "channel" in mutations:
        return mutations["channel"]
    needed = ["Reference_Allele", "Tumor_Seq_Allele2", "context"]
    if absent := [column for column in needed if column not in mutations]:
        raise InputError(f"mutations: add column channel, or {', '.join(absent)}")
    return spectra.channel(*(mutations[column] for column in needed))


def _blocks(size: int) -> list[slice]:
    """Stretches of at most `BLOCK`, from 0 to `size`."""
    return [slice(first, first + BLOCK) for first in range(0, size, BLOCK)]


def _table(values: Array, channel: Places, index: pd.Index, columns: pd.Index) -> pd.DataFrame:
    """Values with their labels, NaN for mutations without a channel."""
    return pd.DataFrame(np.where((channel >= 0)[:, None], values, np.nan), index, columns)
