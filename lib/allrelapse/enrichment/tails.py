"""Tails of the Poisson-binomial law, the number of successes of unequal chances, in bulk."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def tails(chances: Array, successes: NDArray[np.int64]) -> tuple[Array, Array]:
    """P(X >= successes) and P(X <= successes), for every column of chances at once.

    By adding one trial after the other; what is above all `successes` is gathered in one state,
    so that small P lose no digits. For one column it gives what `scipy.stats.poisson_binom` does.

    Parameters
    ----------
    chances : of each trial, trials x columns
    successes : whole numbers, one per column
    """
    columns = np.arange(chances.shape[1])
    state = np.zeros((int(successes.max(initial=0)) + 2, len(columns)))
    state[0] = 1
    for p in chances:
        moved = state[:-1] * p
        kept = state[-1].copy()
        state *= 1 - p
        state[-1] = kept
        state[1:] += moved
    at_most = np.cumsum(state, axis=0)[successes, columns]
    at_least = np.cumsum(state[::-1], axis=0)[::-1][successes, columns]
    return np.minimum(at_least, 1.0), np.minimum(at_most, 1.0)
