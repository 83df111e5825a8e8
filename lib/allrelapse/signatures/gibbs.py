"""The compiled steps of `posterior.exposure_draws`: one function per block that is drawn.

Names: `counts` n x C; `w` C x k, the known signatures and in the last column the shared unknown
one; `exposures` and `owned` n x k, mutations by rate and as assigned; `noise` n x C; `private`
n x C, mutations of the sample's own unknown process; `shape`, `mean` k, of the prior of exposures.
"""

from math import exp, lgamma, log
from typing import Any

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray

from allrelapse.signatures.poisson import Array

Places = NDArray[np.integer[Any]]

SPIKY = 0.1  # Gamma shape of a private channel: few channels hold most of it
SCATTER = 0.03  # prior median of the squared coefficient of variation of a channel's rate
STRANGE = 0.02  # prior median of the shared, and of the private, unknown share of mutations
SHAPE = 0.3  # prior median of `shape`: below 1, as most signatures are in some samples only
WIDE = 1.5  # standard deviation of the logarithms of these


@njit(nogil=True, cache=True)
def chain(counts: Array, known: Array, sweeps: Places, rng: Generator) -> tuple[Array, Array]:
    """Draws of the exposures (draws x n x k) and of all that is unknown (draws x n x C).

    Parameters
    ----------
    counts : n x C, whole numbers
    known : C x k, columns sum to 1
    sweeps : of burning in, number of draws kept, sweeps for each of them
    """
    n, channels = counts.shape
    k = known.shape[1] + 1
    w = np.full((channels, k), 1.0 / channels)
    w[:, : k - 1] = known
    total = np.maximum(counts.sum(axis=1), 1.0)
    start, channel = _listed(counts)
    cause = np.full(len(channel), -1, np.int16)
    owned, own = np.zeros((n, k)), np.zeros((n, channels))
    noise, seen = np.ones((n, channels)), np.ones((n, k))
    shape, mean, scales = np.full(k, 0.5), np.full(k, 1.0 / k), np.array([STRANGE, SCATTER])
    exposures, private = np.zeros((n, k)), np.zeros((n, channels))
    kept = np.zeros((sweeps[1], n, k - 1))
    unknown = np.zeros((sweeps[1], n, channels))
    for sweep in range(sweeps[0] + sweeps[1] * sweeps[2]):
        rate = SPIKY * channels / (scales[0] * total)
        prior = shape / mean / total.reshape(-1, 1)
        _assign(cause, channel, start, owned, own, w, shape, prior + seen, rate, noise, rng)
        for s in range(k):
            _learn(shape, mean, s, owned[:, s].copy(), seen[:, s].copy(), total, rng)
        scales[0] = _learn_private(scales[0], own, noise, total, rng)
        prior = shape / mean / total.reshape(-1, 1)
        rate = SPIKY * channels / (scales[0] * total)
        _draw(exposures, shape + owned, prior + seen, rng)
        _draw(private, SPIKY + own, rate.reshape(-1, 1) + noise, rng)
        _draw_stranger(w, cause, channel, exposures, noise, rng)
        expected = exposures @ w.T + private
        scales[1] = _learn_scatter(scales[1], counts, expected, rng)
        _draw(noise, 1 / scales[1] + counts, 1 / scales[1] + expected, rng)
        seen[:] = noise @ w
        d = (sweep - sweeps[0] + 1) // sweeps[2] - 1
        if sweep >= sweeps[0] and (sweep - sweeps[0] + 1) % sweeps[2] == 0:
            kept[d] = exposures[:, : k - 1]
            unknown[d] = private + np.outer(exposures[:, k - 1], w[:, k - 1])
    return kept, unknown


@njit(nogil=True, cache=True)
def _listed(counts: Array) -> tuple[Places, Places]:
    """Each mutation's channel, and where the mutations of each sample begin."""
    start = np.zeros(len(counts) + 1, np.int64)
    for i in range(len(counts)):
        start[i + 1] = start[i] + int(counts[i].sum())
    channel = np.empty(start[-1], np.int16)
    j = 0
    for i in range(len(counts)):
        for c in range(counts.shape[1]):
            for _ in range(int(counts[i, c])):
                channel[j] = c
                j += 1
    return start, channel


@njit(nogil=True, cache=True)
def _assign(
    cause: Places, channel: Places, start: Places, owned: Array, own: Array, w: Array,
    shape: Array, rate: Array, private_rate: Array, noise: Array, rng: Generator,
) -> None:  # fmt: skip
    """Draw the process behind each mutation, given all others'; exposures are integrated out."""
    k = w.shape[1]
    edge = np.empty(k + 1)
    for i in range(len(owned)):
        scale = 1.0 / rate[i]
        for j in range(start[i], start[i + 1]):
            c, before = channel[j], cause[j]
            if before == k:
                own[i, c] -= 1
            elif before >= 0:
                owned[i, before] -= 1
            sum_so_far = 0.0
            for s in range(k):
                sum_so_far += (owned[i, s] + shape[s]) * scale[s] * w[c, s]
                edge[s] = sum_so_far
            edge[k] = sum_so_far + (own[i, c] + SPIKY) / (private_rate[i] + noise[i, c])
            place = rng.random() * edge[k]
            s = 0
            while s < k and edge[s] < place:
                s += 1
            cause[j] = s
            if s == k:
                own[i, c] += 1
            else:
                owned[i, s] += 1


@njit(nogil=True, cache=True)
def _negative_binomial(x: Array, shape: float, rate: Array, seen: Array) -> float:
    """Log-probability of counts whose means are Gamma(shape, rate) times `seen`."""
    value, base = 0.0, lgamma(shape)
    for i in range(len(x)):
        value += shape * log(rate[i] / (rate[i] + seen[i]))
        if x[i] > 0:
            value += lgamma(shape + x[i]) - base - x[i] * log(rate[i] + seen[i])
    return value


@njit(nogil=True, cache=True)
def _surprise(value: float, median: float, width: float) -> float:
    """Log-density of a log-normal prior, on the scale of the logarithm."""
    return -0.5 * ((log(value) - log(median)) / width) ** 2


@njit(nogil=True, cache=True)
def _learn(
    shape: Array, mean: Array, s: int, owned: Array, seen: Array, total: Array, rng: Generator
) -> None:
    """Three Metropolis steps for the prior of one signature, learned over all samples."""
    now, k = -np.inf, len(shape)
    for step in range(4):
        a, m = shape[s], mean[s]
        if step > 0:
            a, m = a * exp(0.6 * rng.standard_normal()), m * exp(0.4 * rng.standard_normal())
        if a < 1e-3 or m < 1e-6:
            continue
        value = _negative_binomial(owned, a, a / m / total, seen)
        usual = STRANGE if s == k - 1 else 1.0 / k
        value += _surprise(a, SHAPE, WIDE) + _surprise(m, usual, WIDE)
        if step == 0 or log(rng.random()) < value - now:
            shape[s], mean[s], now = a, m, value


@njit(nogil=True, cache=True)
def _learn_private(share: float, own: Array, noise: Array, total: Array, rng: Generator) -> float:
    """Two Metropolis steps for the mean private share."""
    now, channels = -np.inf, own.shape[1]
    for step in range(3):
        new = share * exp(0.2 * rng.standard_normal()) if step > 0 else share
        value = _surprise(new, STRANGE, WIDE)
        for i in range(len(own)):
            rate = np.full(channels, SPIKY * channels / (new * total[i]))
            value += _negative_binomial(own[i], SPIKY, rate, noise[i])
        if step == 0 or log(rng.random()) < value - now:
            share, now = new, value
    return share


@njit(nogil=True, cache=True)
def _learn_scatter(scatter: float, counts: Array, expected: Array, rng: Generator) -> float:
    """Two Metropolis steps for the squared coefficient of variation of a channel's rate."""
    now = -np.inf
    for step in range(3):
        new = scatter * exp(0.2 * rng.standard_normal()) if step > 0 else scatter
        value = _surprise(new, SCATTER, WIDE)
        for i in range(len(counts)):
            # a Gamma with mean 1 times the expectation
            rate = np.full(counts.shape[1], 1 / new)
            value += _negative_binomial(counts[i], 1 / new, rate, expected[i])
        if step == 0 or log(rng.random()) < value - now:
            scatter, now = new, value
    return scatter


@njit(nogil=True, cache=True)
def _draw(into: Array, shape: Array, rate: Array, rng: Generator) -> None:
    """Gamma variates of each shape and rate."""
    for i in range(into.shape[0]):
        for c in range(into.shape[1]):
            into[i, c] = rng.standard_gamma(shape[i, c]) / rate[i, c]


@njit(nogil=True, cache=True)
def _draw_stranger(
    w: Array, cause: Places, channel: Places, exposures: Array, noise: Array, rng: Generator
) -> None:
    """The spectrum of the unknown process that samples share, in the last column of `w`."""
    channels, last = len(w), w.shape[1] - 1
    found = np.ones(channels)
    for j in range(len(cause)):
        if cause[j] == last:
            found[channel[j]] += 1
    for c in range(channels):
        rate = channels + (exposures[:, last] * noise[:, c]).sum()
        w[c, last] = rng.standard_gamma(found[c]) / rate
