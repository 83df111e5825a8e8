"""Maximum likelihood for the Poisson mixture of signatures, many samples at once.

Model: the count of sample i in channel c is Poisson with mean (E Wᵀ)_ic + O_ic, where W holds
the signatures (each sums to 1), E >= 0 the exposures and O a fixed part (zero by default).
"""

import zlib
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from allrelapse.signatures import kernel
from allrelapse.signatures.workers import spread

Array = NDArray[np.float64]

BLOCK = 32  # samples that a worker takes at a time
TINY = kernel.TINY


def log_likelihood(counts: Array, mean: Array) -> Array:
    """Poisson log-likelihood of each row, without the term that depends on the counts alone."""
    likelihood: Array = np.sum(xlogy(counts, np.maximum(mean, TINY)) - mean, axis=1)
    return likelihood


def fit(
    counts: Array,
    signatures: Array,
    fixed: Array | None = None,
    *,
    start: Array | None = None,
    executor: Executor | None = None,
) -> Array:
    """Exposures of highest likelihood, n x k, mutations; see `kernel.maximise`.

    Parameters
    ----------
    counts : n x 96, mutations
    signatures : 96 x k, columns sum to 1
    fixed : n x 96, mutations explained beforehand
    start : n x k, exposures near the best ones, which saves time; not changed
    executor : spreads blocks of samples over its workers instead of this machine's cores

    Raises
    ------
    ArithmeticError
        If a sample does not converge.
    """
    k = signatures.shape[1]
    counts, w = np.ascontiguousarray(counts), np.ascontiguousarray(signatures.T)
    fixed = np.zeros(counts.shape) if fixed is None else np.ascontiguousarray(fixed)
    start = np.zeros((len(counts), k)) if start is None else np.ascontiguousarray(start)
    # compiled code does not look where an array ends
    if fixed.shape != counts.shape or start.shape != (len(counts), k):
        raise ValueError(f"fixed is {fixed.shape}, start {start.shape}; they must fit the counts")
    free = np.ones(k, dtype=bool)
    jobs = [(counts[b], w, fixed[b], start[b], free) for b in blocks(len(counts))]
    exposures = np.concatenate(spread(kernel.maximise_all, jobs, executor))
    if np.isnan(exposures).any():
        row = int(np.flatnonzero(np.isnan(exposures).any(axis=1))[0])
        raise ArithmeticError(f"the fit of sample {row + 1} does not converge")
    return exposures


def stream(seed: int, spectrum: Array) -> np.random.Generator:
    """Random numbers that belong to a spectrum, whatever its name, place and company."""
    return np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(spectrum).tobytes())])


def blocks(n: int) -> list[slice]:
    """Slices that cut n samples into pieces of work."""
    return [slice(i, i + BLOCK) for i in range(0, n, BLOCK)]
