"""How well SBS87 can be found at all: a test that is told everything but what it looks for.

It knows which signatures made a sample, the spectrum of what is in no catalogue, and the law of the
noise; only amounts are left open. No method that has to find these out can be better, so this is
the ceiling under which the others are to be seen.
"""

import numpy as np
from signature_sets import NOISE, Planted

from allrelapse.data import reference

SWEEPS = 600


def ratios(planted: Planted, target: str, hard: bool) -> np.ndarray:
    """Twice the log-likelihood ratio of the target in each sample, with the true model beside it.

    Where `hard`, counts are negative binomial: Poisson, of rates that a Gamma factor scatters.
    """
    table = reference.cosmic()
    x = planted.counts.to_numpy(float).T
    there = (planted.exposures > 0).to_numpy()
    j = table.columns.get_loc(target)
    used = there.any(axis=0) | (np.arange(table.shape[1]) == j)
    w = table.to_numpy().T[used]
    total = planted.strange.sum(axis=1, keepdims=True)
    strange = planted.strange / np.where(total > 0, total, 1)
    without, with_it = there[:, used].copy(), there[:, used].copy()
    target_is = np.flatnonzero(used) == j
    without[:, target_is], with_it[:, target_is] = False, True
    shape = 1 / NOISE**2 if hard else np.inf
    return 2 * (_best(x, w, with_it, strange, shape) - _best(x, w, without, strange, shape))


def _best(
    x: np.ndarray, w: np.ndarray, there: np.ndarray, strange: np.ndarray, shape: float
) -> np.ndarray:
    """Highest log-likelihood of each row with these signatures and the stranger.

    Multiplicative updates, which cannot lower it (minorisation, as for Lee and Seung's).
    """
    e = np.where(there, x.sum(axis=1, keepdims=True) / (there.sum(axis=1, keepdims=True) + 1), 0.0)
    s = np.where(strange.any(axis=1), x.sum(axis=1) / 10, 0.0)[:, None]
    for _ in range(SWEEPS):
        mean = e @ w + s * strange + 1e-9
        pull = np.ones_like(x) if np.isinf(shape) else (shape + x) / (shape + mean)
        share = x / mean
        e *= (share @ w.T) / (pull @ w.T)
        down = (pull * strange).sum(axis=1, keepdims=True)
        s *= (share * strange).sum(axis=1, keepdims=True) / np.where(down > 0, down, 1)
    mean = e @ w + s * strange + 1e-9
    if np.isinf(shape):
        return (x * np.log(mean) - mean).sum(axis=1)
    return (x * np.log(mean) - (shape + x) * np.log(shape + mean)).sum(axis=1)


def recall_at(ratio: np.ndarray, there: np.ndarray, false_rate: float) -> float:
    """Share of the samples with the target that are found where this share of the others is."""
    return float((ratio[there] > np.quantile(ratio[~there], 1 - false_rate)).mean())
