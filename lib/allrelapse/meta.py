"""Proportions of several series pooled, with what the series differ by.

The model is binomial-normal: the logits of the series' proportions are normal about mu with
standard deviation tau, and each count is binomial. Its likelihood takes a series without carriers
as it is, where methods on observed logits need a half added to its cells.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import fisher
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln, expit
from scipy.stats import chi2
from scipy.stats import t as t_distribution

from allrelapse import exact
from allrelapse.errors import InputError
from allrelapse.exact import Array

LARGEST_MU, LARGEST_TAU = 60.0, 10.0  # logits; series so far apart are all or nothing
REACH = 9.0  # standard deviations to which the normal law is integrated
TAUS = np.array([0, 0.1, 0.25, 0.5, 1, 2, 4, LARGEST_TAU])  # where a search starts
TABLES, SAMPLED = 10**8, 19_999  # up to so many tables all are counted, else so many are drawn


@dataclass(frozen=True, repr=False)
class Pooled:
    """A pooled proportion.

    proportion : that of the median series, expit(mu), with its profile-likelihood interval
    tau : standard deviation between series, logits, with its profile-likelihood interval
    prediction : interval for the proportion of a new series; NaN for fewer than 3 series or where
        nobody or everybody is a carrier
    heterogeneity_p : likelihood ratio of tau = 0
    exact_p : Fisher-Freeman-Halton test that all series have one proportion
    series : how many
    loglik : greatest log-likelihood, with the binomial coefficients
    """

    proportion: exact.Estimate
    tau: exact.Estimate
    prediction: tuple[float, float]
    heterogeneity_p: float
    exact_p: float
    series: int
    loglik: float

    def __repr__(self) -> str:
        """A line: the proportion, and how far the series differ."""
        value, lower, upper = self.proportion.percent
        return (
            f"<{value:.3g} % ({lower:.3g} to {upper:.3g}) pooled over {self.series} series, "
            f"tau {self.tau.value:.2g} ({self.tau.lower:.2g} to {self.tau.upper:.2g}), "
            f"P {self.heterogeneity_p:.2g}>"
        )


def pooled_proportion(carriers: ArrayLike, samples: ArrayLike, *, level: float = 0.95) -> Pooled:
    """Proportion of carriers over several series that may differ, by maximum likelihood.

    The profile likelihood falls as far as it does at the ends of Student's interval for the mean
    of as many values, so that of few large series the interval is Student's on their logits. By
    the limiting law for many series it would cover 85 per cent of three, 91 of six.

    Parameters
    ----------
    carriers, samples : whole numbers, one per series

    Returns
    -------
    Pooled. Special cases:
    nobody, or everybody, is a carrier: proportion 0 or 1 with the Clopper-Pearson bound of all
    samples together (`exact.proportion`), which takes the series as alike; tau 0 to infinity, as
    such counts cannot tell it.
    One series: its own proportion with the likelihood-ratio interval of a binomial, without any
    allowance for how series differ; tau is 0 by convention, its bounds and both tests NaN.
    tau is sought up to `LARGEST_TAU`; its upper bound is infinite if that is not excluded.
    `exact_p` counts all tables, or draws `SAMPLED` (then at least 5e-5) where there are too many.

    Raises
    ------
    InputError
        If there is no series, or counts are not 0 <= carriers <= samples with samples >= 1.

    Source: Stijnen, Hamza & Ozdemir 2010, Stat Med 29:3046 (model); Self & Liang 1987, J Am Stat
    Assoc 82:605 (tau = 0: half chi-squared 0, half 1); Higgins, Thompson & Spiegelhalter 2009,
    J R Stat Soc A 172:137 (prediction); Freeman & Halton 1951, Biometrika 38:141.
    """
    cells = _cells(carriers, samples)
    series = cells.shape[1]
    if _settled(cells):
        total = exact.proportion(*(int(x) for x in cells.sum(axis=1)), level=level)
        tau = exact.Estimate(0.0, 0.0, np.inf) if series > 1 else exact.Estimate(0, np.nan, np.nan)
        p_value = 1.0 if series > 1 else np.nan
        return Pooled(total, tau, (np.nan, np.nan), p_value, p_value, series, 0.0)
    mu, tau_hat, top = _fit(cells)
    drop = float(chi2.ppf(level, 1)) / 2
    ends = _mu_interval(cells, mu, tau_hat, top - _fall(series, level))
    proportion = exact.Estimate(*(float(expit(x)) for x in (mu, *ends)))
    if series == 1:
        tau = exact.Estimate(0.0, np.nan, np.nan)
        return Pooled(proportion, tau, (np.nan, np.nan), np.nan, np.nan, 1, top)
    tau = exact.Estimate(tau_hat, *_tau_interval(cells, tau_hat, top - drop))
    prediction = _prediction(cells, mu, tau_hat, level)
    ratio = max(0.0, 2 * (top - _profile_tau(cells, 0.0)))
    p_value = float(chi2.sf(ratio, 1)) / 2 if tau_hat > 0 else 1.0
    return Pooled(proportion, tau, prediction, p_value, _exact_p(cells), series, top)


def independent(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which series to pool: of those on patients of one cohort only the largest, by gene.

    Parameters
    ----------
    table : `gene`, `study`, `lineage`, `cohort` (missing: none that another series has) and
        `samples`, one row per series
    """
    own = table["study"] + table["lineage"].fillna("")
    cohort = table["cohort"].fillna(own)
    return table["samples"] == table.groupby([table["gene"], cohort])["samples"].transform("max")


def leave_one_out(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Pooled proportion without each study in turn: does one of them carry the result?

    Parameters
    ----------
    table : `study`, `carriers`, `samples`, one row per series; all rows of a study go together

    Returns
    -------
    `without`, `value`, `lower`, `upper`, `tau`, one row per study.

    Raises
    ------
    InputError
        If columns are missing, there are fewer than two studies, or counts are impossible.
    """
    _require(table, "study", 2)
    rows = []
    for study in table["study"].unique():
        rest = table[table["study"] != study]
        pooled = pooled_proportion(rest["carriers"], rest["samples"], level=level)
        rows.append((study, *pooled.proportion, pooled.tau.value))
    return pd.DataFrame(rows, columns=["without", "value", "lower", "upper", "tau"])


def subgroups(table: pd.DataFrame, by: str, *, level: float = 0.95) -> tuple[pd.DataFrame, float]:
    """Pooled proportion in each subgroup of series, and P that the subgroups do not differ.

    P rests on the limiting law for many series; of few that differ by much more than chance it is
    too small: of four large ones in two subgroups below 0.05 in one case of five without a cause.

    Parameters
    ----------
    table : `carriers`, `samples` and the column `by`, one row per series; rows in which `by` is
        missing belong to no subgroup and are left out
    by : column that names the subgroup, such as lineage

    Returns
    -------
    table : `by`, `series`, `value`, `lower`, `upper`, `tau`, each subgroup fitted alone (see
        `pooled_proportion` for what a subgroup of one series gives)
    p_value : likelihood ratio of one mu against one for each subgroup, tau common to all;
        chi-squared with one degree of freedom less than subgroups. NaN if each subgroup is one
        series, as then nothing tells a difference from the spread

    Raises
    ------
    InputError
        If columns are missing, there are fewer than two subgroups, or counts are impossible.
    """
    _require(table, by, 2)
    groups = {
        name: _cells(g["carriers"], g["samples"]) for name, g in table.groupby(by, sort=False)
    }
    rows = []
    for name, cells in groups.items():
        pooled = pooled_proportion(*cells, level=level)
        rows.append((name, pooled.series, *pooled.proportion, pooled.tau.value))
    result = pd.DataFrame(rows, columns=[by, "series", "value", "lower", "upper", "tau"])
    every = np.hstack(list(groups.values()))
    if every.shape[1] == len(groups):
        return result, np.nan
    apart = _highest(lambda tau: sum(_profile_tau(cells, tau) for cells in groups.values()))[1]
    together = _highest(lambda tau: _profile_tau(every, tau))[1]
    return result, float(chi2.sf(max(0.0, 2 * (apart - together)), len(groups) - 1))


def log_marginal(carriers: ArrayLike, samples: ArrayLike, mu: float, tau: float) -> Array:
    """Log-likelihood of each series when its own logit is normal with mean mu and sd tau.

    The integral of Binomial(k | n, expit(mu + tau z)) over a standard normal z is a sum on an even
    grid, whose error falls as exp(-2 pi^2 (s / h)^2) for a peak of sd s and steps of h.

    Source: Trefethen & Weideman 2014, SIAM Rev 56:385 (trapezoidal rule).
    """
    cells = _cells(carriers, samples)
    terms, top, _ = _terms(cells, mu, tau)
    return np.asarray(np.log(terms.sum(axis=1)) + top + _coefficients(cells))


def _cells(carriers: ArrayLike, samples: ArrayLike) -> Array:
    """Counts as 2 x series, once they are known to be possible."""
    pairs = [pd.to_numeric(pd.Series(np.asarray(x).ravel()), "coerce") for x in (carriers, samples)]
    k, n = (x.to_numpy(float, na_value=np.nan) for x in pairs)
    if len(k) != len(n) or len(k) == 0:
        raise InputError(
            f"{len(k)} counts of carriers and {len(n)} of samples; need 1 or more each"
        )
    wrong = ~((k >= 0) & (k <= n) & (n >= 1) & (k % 1 == 0) & (n % 1 == 0))
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(
            f"{k[i]:g} carriers of {n[i]:g} samples in series {i + 1} cannot be; counts must be "
            "whole and satisfy 0 <= carriers <= samples and samples >= 1"
        )
    return np.array([k, n])


def _require(table: pd.DataFrame, column: str, least: int) -> None:
    missing = {column, "carriers", "samples"} - set(table.columns)
    if missing or table[column].nunique() < least:
        raise InputError(
            f"need {column}, carriers, samples and {least} or more values of {column}; "
            f"lacks {missing or 'values'}"
        )


def _settled(cells: Array) -> bool:
    """Whether nobody or everybody is a carrier, so that the likelihood has no inner maximum."""
    carriers, samples = cells.sum(axis=1)
    return bool(carriers in (0, samples))


def _terms(cells: Array, mu: float, tau: float) -> tuple[Array, Array, Array]:
    """Parts of each series' integral, series x nodes, relative to the largest; its log; logits.

    The step suits the narrowest peak, a normal law times a binomial of n samples half carriers,
    and for small n the poles of the logistic, pi / tau from the real line.
    """
    step = 0.8 / math.sqrt(1 + tau**2 * (cells[1].max() / 4 + 1.5))
    half = math.ceil(REACH / step) if tau else 0
    z = step * np.arange(-half, half + 1)
    logit = np.asarray(mu + tau * z)
    weight = -(z**2) / 2 + math.log(step / math.sqrt(2 * math.pi)) if tau else np.zeros(1)
    carriers, samples = cells[:, :, None]
    log_term = carriers * logit - samples * np.logaddexp(0, logit) + weight
    top = log_term.max(axis=1)
    return np.exp(log_term - top[:, None]), top, logit


def _coefficients(cells: Array) -> Array:
    """Logs of the binomial coefficients."""
    carriers, samples = cells
    return np.asarray(-np.log1p(samples) - betaln(carriers + 1, samples - carriers + 1))


def _loglik(cells: Array, mu: float, tau: float) -> float:
    terms, top, _ = _terms(cells, mu, tau)
    return float((np.log(terms.sum(axis=1)) + top + _coefficients(cells)).sum())


def _slopes(cells: Array, mu: float, tau: float) -> tuple[float, float]:
    """First and second derivative of the log-likelihood by mu.

    Source: Louis 1982, J R Stat Soc B 44:226 (mean of the curvature plus variance of the slope).
    """
    terms, _, logit = _terms(cells, mu, tau)
    carriers, samples = cells[:, :, None]
    p = expit(logit)
    slope = carriers - samples * p
    total = terms.sum(axis=1)
    first = (terms * slope).sum(axis=1) / total
    second = (terms * (slope**2 - samples * p * (1 - p))).sum(axis=1) / total - first**2
    return float(first.sum()), float(second.sum())


def _best_mu(cells: Array, tau: float) -> float:
    """The mu of greatest likelihood at this tau: the only one, as the log-likelihood is concave."""
    return float(brentq(lambda mu: _slopes(cells, mu, tau)[0], -LARGEST_MU, LARGEST_MU, xtol=1e-7))


def _profile_tau(cells: Array, tau: float) -> float:
    """Greatest log-likelihood at this tau; of nobody or everybody a carrier the limit, 0."""
    return 0.0 if _settled(cells) else _loglik(cells, _best_mu(cells, tau), tau)


def _profile_mu(cells: Array, mu: float) -> float:
    """Greatest log-likelihood at this mu; a series alone has tau 0."""
    if cells.shape[1] == 1:
        return _loglik(cells, mu, 0.0)
    return _highest(lambda tau: _loglik(cells, mu, tau))[1]


def _highest(score: Callable[[float], float]) -> tuple[float, float]:
    """The tau of the greatest score, and the score; 0 unless another is truly better."""
    values = np.array([score(tau) for tau in TAUS])
    i = int(np.argmax(values > values.max() - 1e-9))
    bounds = (TAUS[max(i - 1, 0)], TAUS[min(i + 1, len(TAUS) - 1)])
    found = minimize_scalar(lambda tau: -score(tau), bounds=bounds, method="bounded")
    better = -found.fun > values[i] + 1e-9
    return (float(found.x), float(-found.fun)) if better else (float(TAUS[i]), float(values[i]))


def _fit(cells: Array) -> tuple[float, float, float]:
    """Estimates of mu and tau, and the log-likelihood there."""
    tau, top = 0.0, _profile_tau(cells, 0.0)
    if cells.shape[1] > 1:
        tau, top = _highest(lambda tau: _profile_tau(cells, tau))
    return _best_mu(cells, tau), tau, top


def _fall(series: int, level: float) -> float:
    """How far the profile log-likelihood of a normal mean falls at the ends of Student's interval.

    With the number k of values, k / 2 log(1 + t^2 / (k - 1)); of one value, the chi-squared law's.
    """
    if series == 1:
        return float(chi2.ppf(level, 1)) / 2
    quantile = t_distribution.ppf((1 + level) / 2, series - 1)
    return float(series / 2 * np.log1p(quantile**2 / (series - 1)))


def _mu_interval(cells: Array, mu: float, tau: float, target: float) -> list[float]:
    """Where the profile of mu falls to the target, on either side."""

    def excess(x: float) -> float:
        return _profile_mu(cells, x) - target

    ends = []
    for side in (-1, 1):
        reach = 2 / math.sqrt(-_slopes(cells, mu, tau)[1])
        while excess(mu + side * reach) > 0:
            reach *= 2
        ends.append(float(brentq(excess, mu, mu + side * reach, xtol=1e-6)))
    return ends


def _tau_interval(cells: Array, tau: float, target: float) -> tuple[float, float]:
    """Where the profile of tau falls to the target: 0 below, infinity above if it does not."""

    def excess(x: float) -> float:
        return _profile_tau(cells, x) - target

    lower = 0.0 if excess(0.0) >= 0 else float(brentq(excess, 0, tau, xtol=1e-5))
    if excess(LARGEST_TAU) >= 0:
        return lower, np.inf
    return lower, float(brentq(excess, tau, LARGEST_TAU, xtol=1e-5))


def _prediction(cells: Array, mu: float, tau: float, level: float) -> tuple[float, float]:
    """Interval for the proportion of a new series: t of k - 2 degrees of freedom on the logits."""
    series = cells.shape[1]
    if series < 3:
        return np.nan, np.nan
    variance = -1 / _slopes(cells, mu, tau)[1]
    reach = t_distribution.ppf((1 + level) / 2, series - 2) * math.sqrt(tau**2 + variance)
    return float(expit(mu - reach)), float(expit(mu + reach))


def _exact_p(cells: Array) -> float:
    """Fisher-Freeman-Halton P of one proportion in all series; drawn where tables are too many."""
    carriers, samples = cells[:, np.lexsort(cells)].astype(int)
    most = np.minimum(samples, min(carriers.sum(), (samples - carriers).sum())) + 1
    if math.prod(np.sort(most)[:-1].tolist()) <= TABLES:
        return float(fisher.exact([carriers.tolist(), (samples - carriers).tolist()]))
    draw = np.random.default_rng(0).multivariate_hypergeometric
    drawn = draw(samples, carriers.sum(), size=SAMPLED, method="marginals")
    chance, seen = (
        _coefficients(np.stack(np.broadcast_arrays(x, samples)).astype(float)).sum(axis=-1)
        for x in (drawn, carriers)
    )
    return float((1 + (chance <= seen + 1e-7).sum()) / (1 + SAMPLED))
