"""Maximum likelihood for the Poisson mixture of signatures, all samples at once.

Model: the count of sample i in channel c is Poisson with mean (E Wᵀ)_ic + O_ic, where W holds
the signatures (each sums to 1), E >= 0 the exposures and O a fixed part (zero by default).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from scipy.special import xlogy

Array = NDArray[np.float64]

TINY = 1e-12  # a channel that no active signature can make: likelihood as good as zero, not NaN
STEPS = 100  # of expectation-maximisation, after which Newton's method takes the rest
NEWTON_STEPS = 200
RIDGE = 1e-10  # keeps the Hessian of near-identical signatures invertible


def tolerance(counts: Array) -> Array:
    """Largest distance to the maximum log-likelihood that a fit of each row may keep.

    1e-4, and 1e-9 per mutation where that is more: rounding allows no better.
    """
    allowed: Array = np.maximum(1e-4, 1e-9 * counts.sum(axis=1))
    return allowed


def log_likelihood(counts: Array, mean: Array) -> Array:
    """Poisson log-likelihood of each row, without the term that depends on the counts alone."""
    likelihood: Array = np.sum(xlogy(counts, np.maximum(mean, TINY)) - mean, axis=1)
    return likelihood


def fit(counts: Array, signatures: Array, start: Array, fixed: Array | None = None) -> Array:
    """Exposures of highest likelihood; those that start at zero stay at zero.

    Expectation-maximisation, sped up by squared extrapolation, for all samples at once; then
    Newton's method for the few that it leaves. A sample is done when its log-likelihood is
    proven to lie within `tolerance` of the maximum (`duality_gap`).

    Parameters
    ----------
    counts : n x 96, mutations
    signatures : 96 x k, columns sum to 1
    start : n x k, mutations; not changed
    fixed : n x 96, mutations explained beforehand

    Raises
    ------
    ArithmeticError
        If a sample has not converged after `NEWTON_STEPS` steps.

    Source: Dempster, Laird & Rubin 1977 (EM); Varadhan & Roland 2008, Scand J Stat 35:335
    (SQUAREM, scheme S3).
    """
    exposures = start.copy()
    fixed = np.zeros_like(counts) if fixed is None else fixed
    active = np.flatnonzero(counts.sum(axis=1) > 0)
    exposures[counts.sum(axis=1) == 0] = 0.0
    for _ in range(0, STEPS, 10):
        x, o, e = counts[active], fixed[active], exposures[active]
        for _ in range(10):
            e = _extrapolated_step(x, signatures, e, o)
        exposures[active] = e
        active = active[duality_gap(x, signatures, e, o) > tolerance(x)]
        if not active.size:
            return exposures
    for i in active:
        exposures[i] = _newton(counts[i], signatures, exposures[i], fixed[i])
    return exposures


def duality_gap(counts: Array, signatures: Array, exposures: Array, fixed: Array) -> Array:
    """Upper bound of how far each sample's log-likelihood is below the maximum.

    The log-likelihood is concave and its maximum lies where exposures sum to at most the number
    of mutations, so its tangent plane bounds it there. Signatures that start at zero are no
    candidates.

    Source: Lindsay 1983, Ann Stat 11:86.
    """
    ratio = _ratio(counts, signatures, exposures, fixed)
    candidates = np.where(exposures > 0, ratio, 0.0)
    best = np.maximum(candidates.max(axis=1) - 1, 0) * counts.sum(axis=1)
    bound: Array = best - np.sum(exposures * (ratio - 1), axis=1)
    return bound


def _ratio(counts: Array, signatures: Array, exposures: Array, fixed: Array) -> Array:
    """Observed over fitted counts as each signature sees them; 1 at the optimum."""
    mean = np.maximum(exposures @ signatures.T + fixed, TINY)
    result: Array = (counts / mean) @ signatures
    return result


def _extrapolated_step(counts: Array, signatures: Array, e0: Array, fixed: Array) -> Array:
    e1 = e0 * _ratio(counts, signatures, e0, fixed)
    e2 = e1 * _ratio(counts, signatures, e1, fixed)
    first, second = e1 - e0, e2 - 2 * e1 + e0
    length = np.sqrt(np.sum(first**2, axis=1) / np.maximum(np.sum(second**2, axis=1), 1e-300))
    length = np.maximum(length, 1.0)[:, None]
    leap = e0 + 2 * length * first + length**2 * second
    leap = np.where(leap > 0, leap, e2 / 10)  # never leave, nor reach, the boundary by a leap
    gain = log_likelihood(counts, leap @ signatures.T + fixed) - log_likelihood(
        counts, e2 @ signatures.T + fixed
    )
    return np.where((gain >= 0)[:, None], leap, e2)


def _newton(counts: Array, signatures: Array, exposures: Array, fixed: Array) -> Array:
    """Exposures of one sample by Newton steps, each a non-negative least-squares problem."""
    free = np.flatnonzero(exposures > 0)
    w, e = signatures[:, free], exposures[free]
    for _ in range(NEWTON_STEPS):
        mean = np.maximum(w @ e + fixed, TINY)
        if duality_gap(counts[None], w, e[None], fixed[None]) <= tolerance(counts[None]):
            result = np.zeros_like(exposures)
            result[free] = e
            return result
        gradient = w.sum(axis=0) - w.T @ (counts / mean)
        hessian = (w.T * (counts / mean**2)) @ w
        scale = 1 / np.sqrt(np.diag(hessian) + 1e-300)  # exposures differ by many orders
        root = cholesky(hessian * np.outer(scale, scale) + RIDGE * np.eye(len(e)))
        slope = scale * (hessian @ e - gradient)
        aim = scale * nnls(root, solve_triangular(root, slope, trans=1))[0]
        e = _line_search(counts, w, e, np.maximum(aim, TINY), fixed)
    raise ArithmeticError(f"no convergence in {NEWTON_STEPS} Newton steps")


def _line_search(counts: Array, w: Array, e: Array, aim: Array, fixed: Array) -> Array:
    """The longest of the steps 1, 1/2, 1/4 ... towards `aim` that raises the likelihood most.

    Near the maximum likelihoods differ by rounding only; then the whole step is the right one.
    """
    trials = e + 0.5 ** np.arange(20)[:, None] * (aim - e)
    likelihood = log_likelihood(counts, trials @ w.T + fixed)
    best = likelihood.max()
    step: Array = trials[np.argmax(likelihood >= best - 1e-13 * abs(best))]
    return step
