"""The likelihood ratio of a signature that is not there, by its limiting law and as drawn."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from allrelapse.signatures import kernel, poisson
from allrelapse.signatures.poisson import Array
from allrelapse.signatures.workers import spread

Rows = NDArray[np.intp]

KEPT = float(chi2.isf(0.05, 1))
"""Another signature is in the model if it raises twice the log-likelihood by more than this."""
FEW = 100
"""Mutations below which spectra are drawn from all other signatures, not from those that pay: of so
few only the most frequent pay, and spectra of these alone are too much alike."""
COUNTED = 10
"""Draws that must reach the observed ratio for their share to be taken for P."""
TIE = 1e-3
"""Ratios of small counts are often equal; fits know them to within their own error only."""


def tested(x: Array, w: Array, j: int) -> tuple[Array, Array, Array]:
    """Exposures without and with the target, and twice the log of their likelihood ratio."""
    jobs = [(np.ascontiguousarray(x[b]), w, j, KEPT) for b in poisson.blocks(len(x))]
    null, full, ratio = (
        np.concatenate(part) for part in zip(*spread(kernel.compare_all, jobs), strict=True)
    )
    return null, full, ratio


def scatter(x: Array, w: Array, full: Array, overdispersed: bool) -> tuple[Array, Array]:
    """Dispersion of each row about its fit, and its degrees of freedom; 1 and infinity if not."""
    if not overdispersed:
        return np.ones(len(x)), np.full(len(x), np.inf)
    freedom = np.maximum(w.shape[1] - (full > 0).sum(axis=1), 1).astype(float)
    return kernel.variance_ratios(x, w, full, 0.0), freedom


def law(freedom: Array) -> Any:  # noqa: ANN401 scipy has no public type for it
    """Law of a positive ratio over the dispersion: F, or chi-squared where that is known."""
    return chi2(1) if np.isinf(freedom).all() else f_distribution(1, freedom)


def limiting_p(scaled: Array, freedom: Array) -> Array:
    """P of a ratio over the dispersion: half of the law lies at zero."""
    p: Array = np.where(scaled > 0, law(freedom).sf(scaled) / 2, 1.0)
    return p


def drawn_p(scaled: Array, freedom: Array, ratios: Array, alpha: float) -> tuple[Array, Array]:
    """P of each ratio from ratios drawn without the target, and the ratio at which it is `alpha`.

    P is the share of the draws that come as far, the observed one counted in. Fewer than `COUNTED`
    say little, so beyond the `COUNTED`-th largest P falls as the limiting law does.

    Parameters
    ----------
    scaled, freedom : ratios over the dispersion and their degrees of freedom, n
    ratios : n x draws

    Source: Davison & Hinkley 1997, section 4.2.3 (Monte Carlo P).
    """
    size = ratios.shape[1]
    counted = min(COUNTED, size)
    edge = np.sort(ratios, axis=1)[:, -counted]
    ties = np.sum(ratios >= edge[:, None] - TIE, axis=1)
    at_edge = np.where(edge > TIE, ties, counted) / (size + 1)
    beyond = np.sum(ratios >= scaled[:, None] - TIE, axis=1)
    beyond_edge = law(freedom).sf(edge)
    tail = at_edge * law(freedom).sf(scaled) / beyond_edge
    p = np.where(beyond < counted, tail, (1 + beyond) / (size + 1))
    far = law(freedom).isf(np.minimum(alpha / at_edge, 1) * beyond_edge)
    return p, np.where(alpha < at_edge, far, np.quantile(ratios, 1 - alpha, axis=1))


def null_ratios(
    x: Array, w: Array, j: int, null: Array, dispersion: Array, overdispersed: bool,
    replicates: int, seed: int,
) -> Array:  # fmt: skip
    """Ratios over the dispersion of spectra drawn from each row's null model, n x replicates."""
    mean = null @ w
    few = x.sum(axis=1) < FEW
    if few.any():
        others = np.delete(w, j, axis=0)
        mean[few] = poisson.fit(x[few], others.T) @ others
    jobs = [
        (mean[i], w, j, dispersion[i], overdispersed, replicates, poisson.stream(seed, x[i]))
        for i in range(len(x))
    ]
    return np.array(spread(_ratios, jobs))


def _ratios(
    mean: Array, w: Array, j: int, dispersion: float, overdispersed: bool,
    replicates: int, rng: Generator,
) -> Array:  # fmt: skip
    spectra = drawn(mean, dispersion, replicates, rng)
    _, full, ratio = kernel.compare_all(spectra, w, j, KEPT)
    scaled: Array = ratio / scatter(spectra, w, full, overdispersed)[0]
    return scaled


def drawn(mean: Array, dispersion: float, replicates: int, rng: Generator) -> Array:
    """Spectra with this mean and variance over mean: Poisson, or of gamma-distributed rates."""
    size = (replicates, len(mean))
    if dispersion > 1:
        shape = np.maximum(mean, poisson.TINY) / (dispersion - 1)
        return rng.poisson(rng.gamma(shape, dispersion - 1, size)).astype(float)
    return rng.poisson(mean, size).astype(float)
