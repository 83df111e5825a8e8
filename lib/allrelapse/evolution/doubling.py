"""Doubling times of clones from serial samples, by likelihoods that keep what was not seen.

A curve through those samples alone that show the variant is too flat, and half a read in place of
none bends it as well. Here a zero has its probability as any count has.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, log_ndtr, logit, xlog1py, xlogy
from scipy.stats import norm

from allrelapse.errors import InputError
from allrelapse.evolution.lognormal import law
from allrelapse.evolution.profiles import (
    FASTEST,
    SLOWEST,
    Course,
    Shape,
    curve,
    estimate,
    log_share,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Doubling:
    """Doubling times of clones, by patient and over patients.

    patients : index `patient`; `doubling_days` (most likely), `lower` and `upper` (profile
        likelihood), `growing`: whether no growth at all is excluded, and `samples`. Where it is
        not, `upper` is infinite: the data do not tell growth from none. `lower` is 0 where any
        growth, however fast, would do. Of doubling times that fit alike the longest is given.
    median : days, over patients
    interval : of the median, days
    spread : standard deviation of the logarithm of doubling times over patients; NaN for one
    curves : one row per `patient` and `doubling_days` with the profile `log_likelihood`
    """

    patients: pd.DataFrame
    median: float
    interval: tuple[float, float]
    spread: float
    curves: pd.DataFrame

    def __repr__(self) -> str:
        """A line: the median."""
        (low, high), n = self.interval, len(self.patients)
        who = f"{n} patients: median" if n > 1 else "1 patient:"
        return f"<doubling times of {who} {self.median:.3g} days ({low:.3g} to {high:.3g})>"


def doubling_time(
    serial: pd.DataFrame,
    *,
    error: float = 1e-4,
    precision: float = 2e4,
    level: float = 0.95,
    shape: Shape = "exponential",
) -> Doubling:
    """Doubling times from reads of a clone's variants in serial samples.

    Reads are beta-binomial with mean v = error + (1 - error) f / 2, f the share of cells with a
    heterozygous variant: min(1, exp(y0 + g t)), or N / (N + K) where growth is `logistic`. All
    rows of a patient have one doubling time, ln 2 / g, those of one variant one level y0. Doubling
    times are lognormal over patients; their median has the profile interval of that law, with
    Student's quantile in place of the normal one.

    Give the days on which the clone grew: days on which it still shrank would count as slow
    growth. Chance in the sampling of cells, not of reads alone, belongs into `precision`.

    Parameters
    ----------
    serial : one row per sample and variant; `patient`, `day`, `t_alt_count`, `t_depth`, and
        `variant` if those of a patient may have other levels
    error : share of reads that show the variant by mistake
    precision : of the beta-binomial law; infinite for a binomial
    level : of the intervals
    shape : of growth, `exponential` or `logistic`

    Raises
    ------
    InputError
        If columns or values are missing or impossible, or a patient has one day only.

    Source: Griffiths 1973, Biometrics 29:637 (beta-binomial); Li 2020, Blood 135:41 (the setting).
    """
    table = _checked(serial, ["t_alt_count", "t_depth"], level, shape)
    _check_reads(table, error, precision)

    def course(rows: pd.DataFrame) -> Course:
        k, n = (rows[name].to_numpy(float) for name in ("t_alt_count", "t_depth"))

        def score(y: Array) -> Array:
            mean = error + (1 - error) * np.exp(log_share(y, shape)) / 2
            return reads_log_likelihood(k, n, mean, precision=precision)

        deep = np.maximum(n, 1)
        seen = np.clip(2 * (np.maximum(k, 0.5) / deep - error), 0.1 / deep, 1 - 1e-6)
        return Course(_ago(rows), score, np.log(seen) if shape == "exponential" else logit(seen))

    return _fitted(table, course, level)


def doubling_time_from_mrd(
    measured: pd.DataFrame,
    *,
    noise: float = 0.25,
    level: float = 0.95,
    shape: Shape = "exponential",
) -> Doubling:
    """Doubling times from residual disease by flow cytometry, left-censored at its limit.

    The logarithm of a measurement is normal around that of the share of leukaemia cells; where
    growth is `logistic`, the logit is, so that near 100 % the other cells are what is measured. One
    below the limit of detection would have been anywhere below, as in a Tobit model.

    Parameters
    ----------
    measured : one row per patient and day; `patient`, `day`, `mrd_percent` (% of cells),
        `mrd_below`: true if `mrd_percent` is the limit of detection, which was not reached
    noise : standard deviation of that logarithm or logit; an assumption where nothing was measured
        twice, and the intervals are as wide as it is large
    level, shape : as for `doubling_time`

    Raises
    ------
    InputError
        If columns or values are missing or impossible, or a patient has one day only.

    Source: Tobin 1958, Econometrica 26:24.
    """
    table = _checked(measured, ["mrd_percent", "mrd_below"], level, shape)
    if not 0 < noise < np.inf:
        raise InputError(f"noise is {noise}; it must be above 0 and finite")
    exponential = shape == "exponential"
    percent, words = table["mrd_percent"], "up to 100" if exponential else "below 100"
    wrong = (percent <= 0) | (percent > 100) | (not exponential) & (percent == 100)
    _refuse(wrong, f"mrd_percent must be above 0, {words}; below a limit of detection, the limit")

    def course(rows: pd.DataFrame) -> Course:
        share = rows["mrd_percent"].to_numpy(float) / 100
        below, seen = (
            rows["mrd_below"].to_numpy(bool),
            np.log(share) if exponential else logit(share),
        )

        def score(y: Array) -> Array:
            z = (seen - (log_share(y, shape) if exponential else y)) / noise
            return np.asarray(np.where(below, log_ndtr(z), norm.logpdf(z) - np.log(noise)))

        return Course(_ago(rows), score, seen - 3 * noise * below)

    return _fitted(table, course, level)


def reads_log_likelihood(
    alternative: ArrayLike, depth: ArrayLike, mean: ArrayLike, *, precision: float = 2e4
) -> Array:
    """Beta-binomial log-likelihood of reads, without the binomial coefficient.

    Parameters
    ----------
    alternative, depth : reads with the variant, and all reads
    mean : expected share of reads with the variant, 0 to 1
    precision : a + b of the beta law; infinite for a binomial

    Source: Griffiths 1973, Biometrics 29:637.
    """
    k, n = np.asarray(alternative, float), np.asarray(depth, float)
    v = np.clip(np.asarray(mean, float), 1e-12, 1 - 1e-12)
    if np.isinf(precision):
        return np.asarray(xlogy(k, v) + xlog1py(n - k, -v))
    a, b = v * precision, (1 - v) * precision
    made = gammaln(k + a) - gammaln(a) + gammaln(n - k + b) - gammaln(b)
    return np.asarray(made + gammaln(precision) - gammaln(n + precision))


def _fitted(
    table: pd.DataFrame, course: Callable[[pd.DataFrame], Course], level: float
) -> Doubling:
    """The curve of each patient, what is read from it, and the law over patients."""
    key = "variant" if "variant" in table else "patient"
    curves, rows, parts = {}, {}, []
    for patient, own in table.groupby("patient", sort=False):
        courses = [course(part) for _, part in own.groupby(key, sort=False)]
        x, y = curves[patient] = curve(courses)
        rows[patient] = {**estimate(x, y, level), "samples": own["day"].nunique()}
        columns = {"patient": patient, "doubling_days": np.exp(x), "log_likelihood": y}
        parts.append(pd.DataFrame(columns))
    patients = pd.DataFrame.from_dict(rows, orient="index").rename_axis("patient")
    lines = pd.concat(parts, ignore_index=True)
    if len(patients) == 1:
        value, lower, upper = patients[["doubling_days", "lower", "upper"]].iloc[0].astype(float)
        return Doubling(patients, value, (lower, upper), np.nan, lines)
    within = float(np.log(FASTEST)), float(np.log(SLOWEST))
    found = law(list(curves.values()), level, within)
    return Doubling(patients, found.median, found.interval, found.spread, lines)


def _ago(rows: pd.DataFrame) -> Array:
    day = rows["day"].to_numpy(float)
    return np.asarray(day - day.max())


def _checked(table: pd.DataFrame, counts: list[str], level: float, shape: str) -> pd.DataFrame:
    """The columns that are needed, all of them filled, with two days or more of each patient."""
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it must be between 0 and 1")
    if shape not in ("exponential", "logistic"):
        raise InputError(f"shape is {shape!r}; it must be exponential or logistic")
    needed = ["patient", "day", *counts, *({"variant"} & set(table))]
    if lacking := [name for name in needed if name not in table]:
        raise InputError(f"column {', '.join(lacking)} is absent; add it")
    if table.empty:
        raise InputError("the table of samples has no rows; give two days or more of a patient")
    chosen = table[needed].reset_index(drop=True)
    for name in needed:
        _refuse(chosen[name].isna(), f"{name} is missing; fill it in or leave the row out")
    days = chosen.groupby("patient", sort=False)["day"].nunique()
    if len(few := days.index[days < 2]):
        raise InputError(f"patient {few[0]} has one day only; growth needs two")
    return chosen


def _check_reads(table: pd.DataFrame, error: float, precision: float) -> None:
    if not 0 <= error < 0.5:
        raise InputError(f"error is {error}; it must be from 0 to below .5")
    if not precision > 0:
        raise InputError(f"precision is {precision}; it must be above 0, infinite for a binomial")
    wrong = ~((table["t_alt_count"] >= 0) & (table["t_alt_count"] <= table["t_depth"]))
    _refuse(wrong, "t_alt_count must be from 0 to t_depth")


def _refuse(wrong: "pd.Series[bool]", fault: str) -> None:
    """Tell the first of the rows that are wrong, counted from 1."""
    rows = np.flatnonzero(wrong.to_numpy(bool))
    if len(rows):
        more = f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""
        raise InputError(f"row {rows[0] + 1}{more}: {fault}")
