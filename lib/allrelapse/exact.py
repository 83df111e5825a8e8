"""Exact inference for small groups: proportions, risk differences, odds ratios."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import bisect
from scipy.stats import binom, fisher_exact
from scipy.stats.contingency import odds_ratio as conditional_odds_ratio
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from allrelapse.errors import InputError

Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value with its two-sided confidence interval."""

    value: float
    lower: float
    upper: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval."""
        return self.lower, self.upper

    @property
    def percent(self) -> "Estimate":
        """The same in per cent."""
        return Estimate(100 * self.value, 100 * self.lower, 100 * self.upper)


def proportion(
    carriers: int, patients: int, *, level: float = 0.95, method: str = "beta"
) -> Estimate:
    """Proportion of carriers with its interval, by default Clopper and Pearson's.

    Parameters
    ----------
    method : as statsmodels names it: `beta` (exact), `wilson` (score), `jeffreys`

    Raises
    ------
    InputError
        If the counts are not 0 <= carriers <= patients with at least one patient.

    Source: Clopper & Pearson 1934, Biometrika 26:404; Brown 2001, Stat Sci 16:101 (the others).
    """
    _check(carriers, patients)
    lower, upper = proportion_confint(carriers, patients, alpha=1 - level, method=method)
    return Estimate(carriers / patients, float(np.nan_to_num(lower)), float(upper))


def q_values(p_values: "pd.Series[float]") -> "pd.Series[float]":
    """Benjamini-Hochberg adjusted P values: below q they hold a share q of false findings at most.

    Source: Benjamini & Hochberg 1995, J R Stat Soc B 57:289.
    """
    return pd.Series(multipletests(p_values, method="fdr_bh")[1], p_values.index, name="q_value")


def holm(p_values: "pd.Series[float]") -> "pd.Series[float]":
    """Holm's adjusted P values: below p any false finding has a chance of p at most.

    Source: Holm 1979, Scand J Stat 6:65.
    """
    return pd.Series(multipletests(p_values, method="holm")[1], p_values.index, name="p_holm")


def odds_ratio(x1: int, n1: int, x2: int, n2: int, *, level: float = 0.95) -> Estimate:
    """Odds ratio of group 1 against group 2: conditional maximum likelihood, exact interval.

    Zero cells give 0 or infinity with a one-sided bound, as they should.

    Raises
    ------
    InputError
        If the counts are impossible.

    Source: Cornfield 1956; `scipy.stats.contingency.odds_ratio`.
    """
    _check(x1, n1)
    _check(x2, n2)
    result = conditional_odds_ratio([[x1, n1 - x1], [x2, n2 - x2]])
    low, high = result.confidence_interval(level)
    return Estimate(float(result.statistic), float(low), float(high))


def odds_ratio_logit(x1: int, n1: int, x2: int, n2: int, *, level: float = 0.95) -> Estimate:
    """Odds ratio of group 1 against group 2 with half a patient added to each cell, log-normal.

    Raises
    ------
    InputError
        If the counts are impossible.

    Source: Gart 1966, Biometrika 53:179 (`statsmodels`, logit-adjusted).
    """
    _check(x1, n1)
    _check(x2, n2)
    about = {"compare": "odds-ratio", "method": "logit-adjusted", "alpha": 1 - level}
    with np.errstate(divide="ignore", invalid="ignore"):  # of the plain ratio, which is not used
        low, high = confint_proportions_2indep(x1, n1, x2, n2, **about)
    value = (x1 + 0.5) * (n2 - x2 + 0.5) / ((n1 - x1 + 0.5) * (x2 + 0.5))
    return Estimate(float(value), float(low), float(high))


def fisher_p(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided P of Fisher's exact test for two groups."""
    _check(x1, n1)
    _check(x2, n2)
    return float(fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue)


def risk_difference(x1: int, n1: int, x2: int, n2: int, *, level: float = 0.95) -> Estimate:
    """Proportion in group 1 minus group 2 with an exact unconditional interval.

    Inverts two one-sided score tests, each at its worst case over the unknown proportion.

    Raises
    ------
    InputError
        If the counts are impossible.

    Source: Chan & Zhang 1999, Biometrics 55:1202.
    """
    _check(x1, n1)
    _check(x2, n2)
    value = x1 / n1 - x2 / n2
    upper = -_lower_limit(n1 - x1, n1, n2 - x2, n2, (1 - level) / 2)
    return Estimate(value, _lower_limit(x1, n1, x2, n2, (1 - level) / 2), upper)


def _lower_limit(x1: int, n1: int, x2: int, n2: int, alpha: float) -> float:
    """Largest difference that the one-sided score test still rejects from below."""
    if x1 == 0 and x2 == n2:
        return -1.0

    def excess(delta: float) -> float:
        return _worst_tail(x1, n1, x2, n2, delta) - alpha

    top = min(x1 / n1 - x2 / n2, 1 - 1e-9)
    if top <= -1 + 1e-9:
        return -1.0
    return float(bisect(excess, -1 + 1e-9, top, xtol=1e-6))


def _worst_tail(x1: int, n1: int, x2: int, n2: int, delta: float) -> float:
    """Largest chance, over the nuisance p2, of a score as large as seen if p1 - p2 = delta."""
    a, b = np.meshgrid(np.arange(n1 + 1.0), np.arange(n2 + 1.0), indexing="ij")
    score = _score(a, n1, b, n2, delta)
    extreme = score >= score[x1, x2] - 1e-9
    p2 = np.linspace(max(0.0, -delta), min(1.0, 1 - delta), 201)
    first = binom.pmf(np.arange(n1 + 1)[:, None], n1, np.clip(p2 + delta, 0, 1))
    second = binom.pmf(np.arange(n2 + 1)[:, None], n2, p2)
    return float(
        np.einsum("ip,ij,jp->p", first, extreme.astype(float), second, optimize=True).max()
    )


def _score(x1: Array, n1: int, x2: Array, n2: int, delta: float) -> Array:
    """Score statistic of p1 - p2 = delta, with both proportions fitted under it.

    Source: Farrington & Manning 1990, Stat Med 9:1447, appendix (closed root of the cubic).
    """
    theta = n2 / n1
    p1, p2 = x1 / n1, x2 / n2
    a = 1 + theta
    b = -(1 + theta + p1 + theta * p2 + delta * (theta + 2))
    c = delta**2 + delta * (2 * p1 + theta + 1) + p1 + theta * p2
    d = -p1 * delta * (1 + delta)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = np.where(v >= 0, 1, -1) * np.sqrt(np.maximum((b / (3 * a)) ** 2 - c / (3 * a), 0))
    ratio = np.divide(v, u**3, out=np.zeros_like(v), where=np.abs(u) > 1e-12)
    w = (np.pi + np.arccos(np.clip(ratio, -1, 1))) / 3
    fitted = np.clip(2 * u * np.cos(w) - b / (3 * a), max(0.0, delta), min(1.0, 1 + delta))
    other = np.clip(fitted - delta, 0, 1)
    variance = fitted * (1 - fitted) / n1 + other * (1 - other) / n2
    difference = p1 - p2 - delta
    difference = np.where(np.abs(difference) < 1e-12, 0.0, difference)
    return np.asarray(difference / np.sqrt(np.maximum(variance, 1e-24)))


def _check(carriers: int, patients: int) -> None:
    if patients < 1 or not 0 <= carriers <= patients:
        raise InputError(
            f"{carriers} carriers of {patients} patients cannot be; "
            "counts must satisfy 0 <= carriers <= patients and patients >= 1"
        )
