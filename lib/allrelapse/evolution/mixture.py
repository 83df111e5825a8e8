"""A mixture of clones on a grid of cancer cell fractions, by mean-field variational Bayes."""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, xlogy

Array = NDArray[np.float64]

TRIAL, SOFT, SWEEPS = 6, 2, 100
"""Sweeps of a trial, how many of these are soft, and sweeps of a fit at most."""
LEAST = 1e-300  # so that no logarithm is of 0
ENOUGH = 0.01  # nats that a sweep must gain to go on
PAST = 2  # numbers of clones that are tried beyond the best
EXACT = 1e-9  # singular values below it, against the largest, are left out


class Reads(NamedTuple):
    """What the reads of one sample say of the variants that it measured.

    Log-likelihoods, rows x grid, are the product of two narrow matrices: as functions of the CCF
    they are smooth, and those of variants with the same purity and copies differ in two numbers.

    rows : numbers of the variants
    left, right : rows x rank, rank x grid
    best : the highest log-likelihood of each row, rows x 1
    ratio : likelihoods against the best, rows x grid
    """

    rows: NDArray[np.intp]
    left: Array
    right: Array
    best: Array
    ratio: Array


class Data(NamedTuple):
    """All samples, the log-probability of each CCF a priori, and the number of variants."""

    samples: list[Reads]
    log_prior: Array
    variants: int


class Fit(NamedTuple):
    """A fitted mixture.

    evidence : lower bound, nats, with the log of the number of orders that the clones may have
    responsibility : variants x clones, rows sum to 1
    posterior : clones x samples x grid, probability
    """

    evidence: float
    responsibility: Array
    posterior: Array


def reads(rows: NDArray[np.intp], log_likelihood: Array) -> Reads:
    """One sample, from log-likelihoods, rows x grid, all finite."""
    left, size, right = np.linalg.svd(log_likelihood, full_matrices=False)
    rank = int((size > EXACT * size[0]).sum())
    best = log_likelihood.max(axis=1, keepdims=True)
    ratio = np.exp(log_likelihood - best)
    return Reads(rows, (left * size)[:, :rank], right[:rank], best, ratio)


def fits(data: Data, most: int, starts: int, rng: Generator) -> list[Fit]:
    """The best fits that are found with 1, 2, ... clones, up to `most` or well past the best.

    On the way up each number is tried from several starts: the clones of the number before with
    one more, and, in turn, wholly new ones; the two best trials are followed to the end. On the way
    down two clones of the number above are merged.
    """
    nothing = np.empty((0, len(data.samples), len(data.log_prior)))
    found: list[Fit] = []
    for number in range(1, min(most, data.variants) + 1):
        begin = [found[-1].posterior if found else nothing, nothing]
        trials = [
            _climb(data, _seeded(data, begin[start % 2], number, rng), TRIAL, SOFT)
            for start in range(starts if number > 1 else 1)
        ]
        trials.sort(key=lambda fit: fit.evidence)
        found.append(_better(*(_climb(data, trial.posterior, SWEEPS) for trial in trials[-2:])))
        if number > PAST + np.argmax([fit.evidence for fit in found]):
            break
    for below in range(len(found) - 2, -1, -1):
        merged = _climb(data, _merged(data, found[below + 1]), SWEEPS)
        found[below] = _better(merged, found[below])
    return found


def _better(*some: Fit) -> Fit:
    return max(some, key=lambda fit: fit.evidence)


def _climb(data: Data, posterior: Array, sweeps: int, soft: int = 0) -> Fit:
    """Raise the evidence from given posteriors, one sweep at a time, while it pays.

    The first sweeps may be soft: variants choose clones by the mean of their likelihood, not of its
    logarithm. A clone whose CCF is still vague, in a sample that measured none of its variants so
    far, can then win some; but such a sweep may lower the evidence.

    Source: Bishop 2006, Pattern Recognition and Machine Learning, section 10.2; the bound takes
    this short form where each factor is the best one given the responsibilities.
    """
    log_share: Array | float = 0.0
    before, fit = -math.inf, Fit(-math.inf, np.empty(0), posterior)
    for sweep in range(sweeps):
        scores = (_predicted if sweep < soft else _expected)(data, fit.posterior)
        shares, _ = _normalised(scores + log_share)
        posterior, log_norm = _posterior(data, shares)
        weight = 1 + shares.sum(axis=0)
        log_share = digamma(weight) - digamma(weight.sum())
        bound = log_norm.sum() - xlogy(shares, shares).sum()
        bound += gammaln(weight).sum() - gammaln(weight.sum()) + gammaln(len(weight))
        fit = Fit(float(bound + gammaln(len(weight) + 1)), shares, posterior)
        if sweep >= soft and fit.evidence - before < ENOUGH:
            break
        before = fit.evidence
    return fit


def _seeded(data: Data, posterior: Array, number: int, rng: Generator) -> Array:
    """Add clones, each from one variant, drawn by how badly those before fit it.

    Source: Arthur & Vassilvitskii 2007, SODA 1027 (k-means++), with nats for squared distances.
    """
    best = np.zeros(data.variants)
    for sample in data.samples:
        best[sample.rows] += sample.best[:, 0]
    while len(posterior) < number:
        lack = np.ones(data.variants)
        if len(posterior):
            fitting = _expected(data, posterior).max(axis=1)
            lack = np.maximum(best - fitting, 0) + 1e-9
        one = np.zeros((data.variants, 1))
        one[rng.choice(data.variants, p=lack / lack.sum())] = 1
        posterior = np.concatenate([posterior, _posterior(data, one)[0]])
    return posterior


def _merged(data: Data, fit: Fit) -> Array:
    """Posteriors after the merger of two clones that costs the least evidence."""
    shares, pairs = fit.responsibility, list(combinations(range(len(fit.posterior)), 2))
    first, second = np.array(pairs).T
    both = shares[:, first] + shares[:, second]
    posterior, log_norm = _posterior(data, both)

    def worth(members: Array, norm: Array) -> Array:
        entropy = -xlogy(members, members).sum(axis=0)
        return np.asarray(norm + entropy + gammaln(1 + members.sum(axis=0)))

    alone = worth(shares, _posterior(data, shares)[1])
    best = int(np.argmax(worth(both, log_norm) - alone[first] - alone[second]))
    others = np.delete(fit.posterior, pairs[best], axis=0)
    return np.concatenate([others, posterior[[best]]])


def _expected(data: Data, posterior: Array) -> Array:
    """Mean log-likelihood of each variant under the posterior of each clone."""
    scores = np.zeros((data.variants, len(posterior)))
    for place, sample in enumerate(data.samples):
        scores[sample.rows] += sample.left @ (sample.right @ posterior[:, place].T)
    return scores


def _predicted(data: Data, posterior: Array) -> Array:
    """Log of the mean likelihood of each variant under the posterior of each clone."""
    scores = np.zeros((data.variants, len(posterior)))
    for place, sample in enumerate(data.samples):
        mean = sample.ratio @ posterior[:, place].T
        scores[sample.rows] += sample.best + np.log(np.maximum(mean, LEAST))
    return scores


def _posterior(data: Data, shares: Array) -> tuple[Array, Array]:
    """Posteriors of the clones given who belongs to them, and the log-norm of each clone."""
    logs = np.empty((shares.shape[1], len(data.samples), len(data.log_prior)))
    for place, sample in enumerate(data.samples):
        logs[:, place] = data.log_prior + (shares[sample.rows].T @ sample.left) @ sample.right
    posterior, norm = _normalised(logs)
    return posterior, norm.sum(axis=(1, 2))


def _normalised(logs: Array) -> tuple[Array, Array]:
    """Probabilities in proportion to exp(logs) along the last axis, and the logs of their sums."""
    top = logs.max(axis=-1, keepdims=True)
    chance = np.exp(logs - top)
    total = chance.sum(axis=-1, keepdims=True)
    chance /= total
    return chance, np.asarray(top + np.log(total))
