"""Extraction: which signatures come out of the counts by themselves, and how many."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from allrelapse.data.reference import CHANNELS
from allrelapse.errors import InputError
from allrelapse.signatures import nmf
from allrelapse.signatures.nmf import Array
from allrelapse.signatures.refit import check_whole, matched, refit
from allrelapse.signatures.workers import spread

STABLE = 0.8
"""Mean silhouette that every signature of an accepted rank reaches."""
TRAINED = 0.8  # share of the mutations from which held-out ones are predicted
ROUNDS = 50  # of matching to centroids; a handful is usual
ENOUGH = 1.0  # nats in ten sweeps at which a replicate stops: resampling moves it by far more
RESAMPLED, THINNED = 0, 1  # what a random stream is for


@dataclass(frozen=True, repr=False)
class Extraction:
    """Signatures that were extracted.

    rank : how many
    signatures : 96 x rank, columns sum to 1, named A, B ... from the largest total exposure on
    exposures : n x rank, mutations
    silhouettes : mean cosine silhouette of each signature's cluster, from -1 to 1
    stability : per rank tried (index `rank`): `mean_silhouette`, `min_silhouette`; `held_out`,
        log-likelihood of held-out mutations (nats); `behind`, how far that is below the chosen
        rank's, and `behind_se`, the standard error of this difference between paired spectra;
        `chosen`
    """

    rank: int
    signatures: pd.DataFrame
    exposures: pd.DataFrame
    silhouettes: "pd.Series[float]"
    stability: pd.DataFrame

    def __repr__(self) -> str:
        """A line: what came out."""
        least = self.silhouettes.min()
        return f"<Extraction of {self.rank} signatures, least silhouette {least:.2f}>"


def extract(
    counts: pd.DataFrame,
    ranks: Iterable[int] = range(2, 9),
    replicates: int = 100,
    seed: int = 0,
    executor: Executor | None = None,
    *,
    splits: int = 10,
) -> Extraction:
    """Signatures and their number by Poisson factorisation of resampled counts.

    For each rank, every replicate redraws all counts (Poisson) and factorises them from a random
    start: by maximum likelihood, then under a sparse prior (`nmf.sparse`). The replicates'
    signatures are matched one to one into clusters, whose silhouettes say how far they depend on
    chance. The signatures given are fitted to the counts themselves, from the clusters' centres.

    Rule for the rank: of the ranks at which every signature's silhouette is at least .8, the one
    that predicts held-out mutations best. If no rank is stable, the most stable one.

    Parameters
    ----------
    counts : 96 x n, mutations; rows are the channels, in any order
    ranks : numbers of signatures to try, each from 2 to 26
    replicates : resampled counts per rank, at least 2
    seed : of everything random; results depend on neither the executor nor the other ranks
    executor : spreads the factorisations over workers; all cores if there is none
    splits : how often mutations are held out (a fifth, at random), at least 1

    Returns
    -------
    The signatures, their exposures, and how stable and predictive each number of them was.

    Raises
    ------
    InputError
        If rows are not the 96 channels, values are no counts, fewer spectra than a rank have
        mutations, or a number is out of range.

    Source: Alexandrov 2013, Cell Rep 3:246 (resampling, matched clusters, silhouettes); Rousseeuw
    1987, J Comput Appl Math 20:53 (silhouette); Neufeld 2024, Biostatistics 25:270 (Poisson counts
    thinned into independent parts).
    """
    x = _checked(counts)
    tried = _checked_ranks(ranks, int(np.sum(x.sum(axis=1) > 0)), replicates, splits)
    whole = [(x, k, seed, r) for k in tried for r in range(replicates)]
    thin = [(x, k, seed, r) for k in tried for r in range(splits)]
    drawn = np.array_split(np.arange(len(whole)), len(tried))
    found = spread(_replicate, whole, executor)
    clusters = {
        k: consensus(np.stack([found[i] for i in at])) for k, at in zip(tried, drawn, strict=True)
    }
    predicted = np.array(spread(_held_out, thin, executor)).reshape(len(tried), splits, len(x))
    widths = {k: silhouettes(cluster) for k, cluster in clusters.items()}
    stability = _choose(widths, predicted.mean(axis=1))
    rank = int(stability.index[stability["chosen"]][0])
    return _labelled(counts, x, clusters[rank].mean(axis=1), widths[rank], stability)


def consensus(replicates: Array) -> Array:
    """Clusters of signatures such that each replicate gives exactly one to each.

    Starts from the replicate that the others match best; then centres and matching by cosine in
    turn until the matching stays.

    Parameters
    ----------
    replicates : replicates x rank x 96, each signature above 0 somewhere

    Returns
    -------
    rank x replicates x 96: the same signatures by cluster.

    Source: Kuhn 1955, Nav Res Logist Q 2:83 (assignment).
    """
    unit = replicates / np.linalg.norm(replicates, axis=2, keepdims=True)
    agreement = [np.sum(np.max(unit @ centre.T, axis=2)) for centre in unit]
    centres, order = unit[int(np.argmax(agreement))], np.empty((0, 0), np.intp)
    for _ in range(ROUNDS):
        cosines = centres @ unit.transpose(0, 2, 1)
        columns = [linear_sum_assignment(each, maximize=True)[1] for each in cosines]
        matching = np.array(columns, np.intp)
        if np.array_equal(matching, order):
            break
        order = matching
        centres = np.take_along_axis(unit, order[:, :, None], axis=1).mean(axis=0)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    clustered: Array = np.take_along_axis(replicates, order[:, :, None], axis=1).transpose(1, 0, 2)
    return clustered


def silhouettes(clusters: Array) -> Array:
    """Mean silhouette of each cluster, with one minus the cosine as distance.

    Parameters
    ----------
    clusters : rank x replicates x 96; at least two of each of the first two

    Source: Rousseeuw 1987, J Comput Appl Math 20:53.
    """
    rank, size, channels = clusters.shape
    unit = (clusters / np.linalg.norm(clusters, axis=2, keepdims=True)).reshape(-1, channels)
    # mean distances follow from sums of unit vectors: no table of all pairs is needed
    sums = unit.reshape(rank, size, channels).sum(axis=1)
    far = 1 - unit @ sums.T / size
    own = (np.arange(len(unit)), np.repeat(np.arange(rank), size))
    within = far[own] * size / (size - 1)
    far[own] = np.inf
    nearest = far.min(axis=1)
    larger = np.maximum(np.maximum(within, nearest), nmf.TINY)
    return np.asarray(((nearest - within) / larger).reshape(rank, size).mean(axis=1))


def _checked(counts: pd.DataFrame) -> Array:
    """The counts as an array, n x 96, in the order of `CHANNELS`."""
    odd = sorted(set(CHANNELS) ^ set(counts.index), key=str)[:5]
    if odd:
        raise InputError(
            f"counts: rows must be the 96 channels, such as A[C>A]A; absent or unknown: {odd}"
        )
    flat = pd.DataFrame(1 / len(CHANNELS), index=list(CHANNELS), columns=["flat"])
    return matched(counts, flat)[0]


def _checked_ranks(
    ranks: Iterable[int] | int, spectra: int, replicates: int, splits: int
) -> list[int]:
    tried = [ranks] if isinstance(ranks, int) else sorted(set(ranks))
    whole = all(rank == int(rank) for rank in tried)
    if not tried or not whole or tried[0] < 2 or tried[-1] > len(ascii_uppercase):
        raise InputError(f"ranks are {tried}; give whole numbers from 2 to {len(ascii_uppercase)}")
    if tried[-1] > spectra:
        raise InputError(
            f"{tried[-1]} signatures cannot be told from {spectra} spectra with mutations; "
            "give smaller ranks"
        )
    check_whole(2, replicates=replicates)
    check_whole(1, splits=splits)
    return [int(rank) for rank in tried]


def _stream(seed: int, rank: int, purpose: int, number: int) -> np.random.Generator:
    """Random numbers of one job alone, whatever other jobs there are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(rank, purpose, number)))


def _factorised(
    counts: Array, exposures: Array, signatures: Array, tolerance: float = 0.01
) -> nmf.Factors:
    """The most likely factors near a start, and from these the sparse ones."""
    likely = nmf.most_likely(counts, exposures, signatures, tolerance=tolerance)
    return nmf.sparse(counts, likely.exposures, likely.signatures, tolerance=tolerance)


def _replicate(counts: Array, rank: int, seed: int, number: int) -> Array:
    rng = _stream(seed, rank, RESAMPLED, number)
    drawn = rng.poisson(counts).astype(float)
    return _factorised(drawn, *nmf.random_start(drawn, rank, rng), ENOUGH).signatures


def _held_out(counts: Array, rank: int, seed: int, number: int) -> Array:
    """Log-likelihood of each spectrum's held-out mutations, predicted from the others."""
    # the same mutations are held out at every rank, so that ranks are compared in pairs
    kept = _stream(seed, 0, THINNED, number).binomial(counts.astype(np.int64), TRAINED)
    train = kept.astype(float)
    start = nmf.random_start(train, rank, _stream(seed, rank, THINNED, number))
    found = _factorised(train, *start)
    scale = (1 - TRAINED) / TRAINED
    mean = np.maximum(scale * found.exposures.T @ found.signatures, nmf.TINY)
    likelihood: Array = np.sum((counts - train) * np.log(mean) - mean, axis=1)
    return likelihood


def _choose(widths: dict[int, Array], held_out: Array) -> pd.DataFrame:
    """The table of ranks, by the rule that `extract` states."""
    table = pd.DataFrame(
        {
            "mean_silhouette": [width.mean() for width in widths.values()],
            "min_silhouette": [width.min() for width in widths.values()],
            "held_out": held_out.sum(axis=1),
        },
        index=pd.Index(list(widths), name="rank"),
    )
    least = table["min_silhouette"].to_numpy()
    stable = least >= min(STABLE, least.max())
    best = int(np.argmax(np.where(stable, table["held_out"], -np.inf)))
    behind = held_out[best] - held_out
    table["behind"] = behind.sum(axis=1)
    table["behind_se"] = behind.std(axis=1, ddof=1) * np.sqrt(held_out.shape[1])
    table["chosen"] = np.arange(len(table)) == best
    return table


def _labelled(
    counts: pd.DataFrame, x: Array, centres: Array, widths: Array, stability: pd.DataFrame
) -> Extraction:
    """Signatures fitted to the counts from their centres, in order of exposure, with names."""
    even = np.repeat(x.sum(axis=1)[None] / len(centres), len(centres), axis=0)
    fitted = _factorised(x, even, centres)
    order = np.argsort(-fitted.exposures.sum(axis=1))
    names = pd.Index(list(ascii_uppercase[: len(order)]), name="signature")
    channels = pd.Index(CHANNELS, name="channel")
    signatures = pd.DataFrame(fitted.signatures[order].T, channels, names)
    return Extraction(
        rank=len(order),
        signatures=signatures,
        exposures=refit(counts, signatures, sparse=False).exposures,
        silhouettes=pd.Series(widths[order], names, name="silhouette"),
        stability=stability,
    )
