"""Factorise counts into signatures and exposures: by maximum likelihood, then as sparse as it can.

Model: the count of sample i in channel c is Poisson with mean sum_a E_ai W_ac; the rows of W are
the signatures and sum to 1, E >= 0 are exposures in mutations. Both factors have the signatures
along their first axis, so that the inner loops run over contiguous memory; as the model is
symmetric, one compiled half-sweep serves both.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

Array = NDArray[np.float64]

TINY = 1e-10  # mean count of a cell that no signature can make
PASSES = 10  # of coordinate descent through each quadratic; it is cheap beside setting it up
WARM_UP = 10  # multiplicative sweeps: Newton's method overshoots far from the maximum
CHECK = 10  # sweeps between two looks at convergence
SPARSE = 0.3
"""Concentration of the Dirichlet prior on the 96 entries of a signature: that of COSMIC's own.

Below 1, few large entries are likelier than many small ones. COSMIC's v3.4 signatures, seen through
500 to 10,000 mutations each, have .28 to .34 (maximum likelihood, Dirichlet-multinomial).
"""
LEAST_KEPT = 0.2  # of an entry that one extrapolation may leave; never all at once to zero
SUMS = {"reassoc", "contract", "nsz"}  # lets the compiler add in vectors; no infinities assumed


class Factors(NamedTuple):
    """A factorisation of counts.

    exposures : k x n, mutations
    signatures : k x 96, rows sum to 1
    objective : after each sweep, nats; it never falls
    """

    exposures: Array
    signatures: Array
    objective: Array


class State(NamedTuple):
    """A point on the way: exposures k x n, the other factor k x 96, and its objective."""

    exposures: Array
    other: Array
    value: float


Step = Callable[[Array, Array, bool], State]


def random_start(counts: Array, rank: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Exposures (rank x n) and signatures (rank x 96) to start from: uniform over signatures."""
    n, channels = counts.shape
    shares = rng.dirichlet(np.ones(rank), size=n).T
    return shares * counts.sum(axis=1), rng.dirichlet(np.ones(channels), size=rank)


def most_likely(
    counts: Array, exposures: Array, signatures: Array, *, tolerance: float = 0.01
) -> Factors:
    """Poisson (Kullback-Leibler) factors of highest likelihood that this start leads to.

    Each half-sweep replaces the negative log-likelihood of every row by its quadratic
    approximation and lowers that by coordinate descent; whole sweeps are extrapolated, and undone
    where the likelihood would fall.

    Parameters
    ----------
    counts : n x 96, mutations
    exposures, signatures : k x n and k x 96, where to start; not changed
    tolerance : nats that 10 sweeps must gain to go on, beside 1e-9 per mutation

    Source: Lin & Boutros 2020, BMC Bioinformatics 21:7 (sequential quadratic approximation, after
    Hsieh & Dhillon 2011, KDD 1064); Ang & Gillis 2019, Neural Comput 31:417 (extrapolation).
    """
    x = np.ascontiguousarray(counts, float)
    turned = np.ascontiguousarray(x.T)

    def step(e: Array, w: Array, safe: bool) -> State:
        half = _multiplicative if safe else _newton
        e, w = e.copy(), w.copy()
        half(x, e, w, w.sum(axis=1))
        half(turned, w, e, e.sum(axis=1))
        size = w.sum(axis=1, keepdims=True)
        w = np.where(size > 0, w / np.where(size > 0, size, 1), 1 / w.shape[1])
        e = e * size
        return State(e, w, _log_likelihood(x, e, w) - float(e.sum()))

    best, path = _climb(step, exposures, signatures, _enough(x, tolerance))
    return Factors(best.exposures, best.other, path)


def sparse(
    counts: Array,
    exposures: Array,
    signatures: Array,
    *,
    prior: float = SPARSE,
    tolerance: float = 0.01,
) -> Factors:
    """Signatures by variational Bayes under a sparse prior; exposures by maximum likelihood.

    A process that is never seen alone may be factorised with any amount of its company, at equal
    likelihood. The prior prefers the solution in which it has the fewest channels. The objective
    is the evidence lower bound without the terms that depend on the counts alone.

    Parameters
    ----------
    counts : n x 96, mutations
    exposures, signatures : k x n and k x 96, where to start, such as `most_likely`
    prior : concentration of the symmetric Dirichlet prior on each signature
    tolerance : nats that 10 sweeps must gain to go on, beside 1e-9 per mutation

    Returns
    -------
    Signatures are means of their posterior distributions, hence above 0 in every channel.

    Source: Blei, Ng & Jordan 2003, J Mach Learn Res 3:993, section 5.4 (smoothed variational
    inference); Matsutani 2019, Bioinformatics 35:4543 (mutational signatures).
    """
    x = np.ascontiguousarray(counts, float)
    turned = np.ascontiguousarray(x.T)
    ones = np.ones(len(signatures))

    def step(e: Array, assigned: Array, safe: bool) -> State:
        e = e.copy()
        w = np.exp(_expected_logs(assigned, prior))
        half = _multiplicative if safe else _newton
        half(x, e, w, ones)
        _multiplicative(turned, w, e, ones)  # now the counts that each signature is assigned
        logs = _expected_logs(w, prior)
        gain = _log_likelihood(x, e, np.exp(logs)) - float(e.sum())
        return State(e, w, gain - _information(w, logs, prior))

    start = signatures * exposures.sum(axis=1, keepdims=True)
    best, path = _climb(step, exposures, start, _enough(x, tolerance))
    found = best.other + prior
    return Factors(best.exposures, found / found.sum(axis=1, keepdims=True), path)


def _enough(counts: Array, tolerance: float) -> float:
    return float(max(tolerance, 1e-9 * counts.sum()))


def _climb(
    step: Step, exposures: Array, other: Array, enough: float, sweeps: int = 5000
) -> tuple[State, Array]:
    """Repeat a step, each time from a point extrapolated along the last, while it pays.

    The push grows with every success, up to a cap that grows more slowly; after a failure both
    fall and the step is taken from the last point itself, by multiplicative updates (which cannot
    fail) if Newton's does not succeed there either.
    """
    best = State(exposures, other, -math.inf)
    for _ in range(WARM_UP):
        best = step(best.exposures, best.other, True)
    before: State | None = None
    push, cap, path = 0.5, 1.0, [best.value]
    for sweep in range(1, sweeps + 1):
        start = best if before is None else _extrapolated(best, before, push)
        trial = step(start.exposures, start.other, False)
        if trial.value >= best.value:
            if before is not None:
                push, cap = min(1.1 * push, cap), min(1.03 * cap, 100.0)
            before, best = best, trial
        elif before is not None:
            cap, push, before = push, push / 2, None
        else:
            trial = step(best.exposures, best.other, True)
            best = max(best, trial, key=lambda state: state.value)
        path.append(best.value)
        if sweep % CHECK == 0 and path[-1] - path[-1 - CHECK] < enough:
            break
    return best, np.array(path)


def _extrapolated(now: State, before: State, push: float) -> State:
    """The point that lies beyond `now`, seen from `before`, by `push` times their distance."""
    e = np.maximum(now.exposures + push * (now.exposures - before.exposures), LEAST_KEPT * now[0])
    w = np.maximum(now.other + push * (now.other - before.other), LEAST_KEPT * now[1])
    return State(e, w, math.nan)


def _expected_logs(assigned: Array, prior: float) -> Array:
    """Mean of the log of each entry of a signature, given the counts that it is assigned."""
    total = assigned.sum(axis=1, keepdims=True) + prior * assigned.shape[1]
    logs: Array = digamma(assigned + prior) - digamma(total)
    return logs


def _information(assigned: Array, logs: Array, prior: float) -> float:
    """Kullback-Leibler divergence of the signatures' posterior from their prior, nats."""
    channels = assigned.shape[1]
    total = assigned.sum(axis=1)
    change = gammaln(total + prior * channels) - gammaln(prior * channels)
    change -= np.sum(gammaln(assigned + prior) - gammaln(prior), axis=1)
    return float(np.sum(change) + np.sum(assigned * logs))


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def _mean(left: Array, right: Array, i: int, mean: Array) -> None:
    """Fitted counts of row i into `mean`."""
    mean[:] = TINY
    for a in range(left.shape[0]):
        amount = left[a, i]
        for j in range(right.shape[1]):
            mean[j] += amount * right[a, j]


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def _log_likelihood(counts: Array, left: Array, right: Array) -> float:
    """Sum of counts times log of their means; the sum of the means is not taken off."""
    mean = np.empty(right.shape[1])
    total = 0.0
    for i in range(counts.shape[0]):
        _mean(left, right, i, mean)
        for j in range(right.shape[1]):
            if counts[i, j] > 0:
                total += counts[i, j] * math.log(mean[j])
    return total


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def _multiplicative(counts: Array, left: Array, right: Array, size: Array) -> None:
    """One multiplicative update (a step of expectation-maximisation) of `left`, in place.

    `size` holds the sums of the rows of `right`. Source: Lee & Seung 2001, NIPS 13:556.
    """
    ratio = np.empty(right.shape[1])
    for i in range(counts.shape[0]):
        _mean(left, right, i, ratio)
        for j in range(right.shape[1]):
            ratio[j] = counts[i, j] / ratio[j]
        for a in range(left.shape[0]):
            seen = 0.0
            for j in range(right.shape[1]):
                seen += ratio[j] * right[a, j]
            left[a, i] *= seen / size[a] if size[a] > 0 else 0.0


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def _newton(counts: Array, left: Array, right: Array, size: Array) -> None:
    """One step of Newton's method, kept non-negative, for every row of `left`, in place."""
    k, m = right.shape
    mean, first, second = np.empty(m), np.empty(m), np.empty(m)
    slope, bend = np.empty(k), np.empty((k, k))
    for i in range(counts.shape[0]):
        _mean(left, right, i, mean)
        for j in range(m):
            first[j] = counts[i, j] / mean[j]
            mean[j] = first[j] / mean[j]
        for a in range(k):
            seen = 0.0
            for j in range(m):
                seen += first[j] * right[a, j]
                second[j] = mean[j] * right[a, j]
            slope[a] = size[a] - seen
            for b in range(a + 1):
                seen = 0.0
                for j in range(m):
                    seen += second[j] * right[b, j]
                bend[a, b] = bend[b, a] = seen
        _descend(left, i, slope, bend)


@njit(nogil=True, cache=True, fastmath=SUMS, error_model="numpy")
def _descend(left: Array, i: int, slope: Array, bend: Array) -> None:
    """Lower the quadratic with this slope and bend, one non-negative coordinate at a time."""
    for _ in range(PASSES):
        for a in range(len(slope)):
            moved = max(left[a, i] - slope[a] / (bend[a, a] + 1e-300), 0.0) - left[a, i]
            if moved != 0.0:
                left[a, i] += moved
                for b in range(len(slope)):
                    slope[b] += moved * bend[a, b]
