"""The growth of adult T-cell relapses: Sentis et al. 2020 from its own files, and a second look."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import logit, xlog1py, xlogy
from scipy.stats import chi2, norm
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from allrelapse.data import sentis
from allrelapse.errors import InputError
from allrelapse.evolution.doubling import Doubling, doubling_time_from_mrd
from allrelapse.evolution.growth import BURDEN, DOUBLING, back_extrapolate

Array = NDArray[np.float64]

LI = {"li_mean": DOUBLING, "li_lower": 5.0, "li_upper": 9.0}
"""Doubling times of Li 2020, days, as Sentis quotes them (notebook
`relapse_evolution_with_doubling_estimates`)."""
STEP = 0.1
"""Per cent to which blasts were counted."""
PRECISION = 1e-6
"""Relative difference that rounding leaves: the file has seven digits."""
SEEN = 3
"""Patients whose growth must be known at both ends to fit its rate and spread."""
LIMIT = 0.001
"""Smallest percentage of blasts above none in the file; it occurs four times."""


@dataclass(frozen=True)
class BackExtrapolation:
    """What the published cells at diagnosis were made from.

    patients : index `patient`; `days` to relapse (whole) and `blast_percent` there
    cells : patients x six doubling times, back-extrapolated from these
    published : the same as published
    doubling_days : the doubling time of each column, days
    """

    patients: pd.DataFrame
    cells: pd.DataFrame
    published: pd.DataFrame
    doubling_days: "pd.Series[float]"

    @property
    def deviation(self) -> float:
        """Largest relative difference of a number from the published one."""
        ratio = self.cells.to_numpy() / self.published.to_numpy()
        return float(np.abs(ratio - 1).max())

    @property
    def more_than_one(self) -> "pd.Series[int]":
        """Patients with more than one relapse cell at diagnosis, by doubling time."""
        return (self.cells > 1).sum().rename("patients")


def back_extrapolated(burden: float = BURDEN) -> BackExtrapolation:
    """Days and blasts of 19 patients, found again from the six numbers that each of them has.

    log2 n0 = log2(burden x blasts) - days / Td is a line in 1 / Td. Its slope is a whole number of
    days, its height a share of blasts in steps of .1 %; with these all 114 numbers come out.

    Parameters
    ----------
    burden : cells of a marrow full of blasts

    Raises
    ------
    DataNotAtHandError
        If the files cannot be had.
    InputError
        If some number does not come out to 1e-6, as with any other `burden`.

    Source: Sentis et al. 2020, Genome Biol 21:284, notebook
    `relapse_evolution_with_doubling_estimates`.
    """
    published = sentis.cells_at_diagnosis()
    times = pd.concat([sentis.doubling_times().add_prefix("own_"), pd.Series(LI)])
    times = times[published.columns].rename("days")
    lines = np.polyfit(1 / times.to_numpy(), np.log2(published.to_numpy()).T, 1)
    days = np.round(-lines[0])
    height = np.log2(published.to_numpy()) + days[:, None] / times.to_numpy()
    percent = np.round(100 * np.exp2(height.mean(axis=1)) / burden / STEP) * STEP
    cells = back_extrapolate((burden * percent / 100)[:, None], days[:, None], times.to_numpy())
    patients = pd.DataFrame(
        {"days": days.astype(int), "blast_percent": percent.round(1)}, published.index
    )
    found = BackExtrapolation(
        patients, pd.DataFrame(cells, published.index, published.columns), published, times
    )
    if not (found.deviation < PRECISION and patients["blast_percent"].max() <= 100):
        raise InputError(
            f"burden is {burden:g}: no days and blasts up to 100 % give the published cells; "
            f"the paper used {BURDEN:g}"
        )
    return found


@dataclass(frozen=True)
class SharedGrowth:
    """A logistic curve of blasts that all patients share, each shifted in time.

    rate : per 100 days, as the paper has it
    shifts : by patient, the day on which half the cells are blasts, counted from remission
    loss : cross-entropy, the negative log-likelihood that was made least
    floored : blasts that were put up to the floor
    """

    rate: float
    shifts: "pd.Series[float]"
    loss: float
    floored: int

    @property
    def doubling_days(self) -> float:
        """Doubling time while blasts are few, days."""
        return 100 * float(np.log(2)) / self.rate


def shared_growth(floor: float = 0.01) -> SharedGrowth:
    """The paper's fit: a fractional logit with one slope and a level for each patient.

    The paper searched for the optimum from random starts. The problem is convex, a binomial model
    of fractions with a logit link, and has one optimum, found here by iterated least squares.

    Parameters
    ----------
    floor : share of blasts up to which every smaller one is put, 0 for none; the paper had 1 %,
        which is above most of what was measured in remission

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If the floor is not a share below one.

    Source: Sentis et al. 2020, Genome Biol 21:284, notebook `relapse_growth_model`; Papke &
    Wooldridge 1996, J Appl Econom 11:619 (fractional logit).
    """
    if not 0 <= floor < 1:
        raise InputError(f"floor is {floor}; it is a share of cells, from 0 to below 1")
    table = sentis.relapse_blasts()
    share = table["blast_percent"].to_numpy(float) / 100
    y = np.maximum(share, floor)
    levels = pd.get_dummies(table["patient"], dtype=float)
    x = np.column_stack([table["day"].to_numpy(float) / 100, levels.to_numpy()])
    fit = GLM(y, x, family=Binomial()).fit(maxiter=200, tol=1e-14)
    rate, p = float(fit.params[0]), fit.predict()
    shifts = pd.Series(-100 * fit.params[1:] / rate, levels.columns, name="day")
    loss = -(xlogy(y, p) + xlog1py(1 - y, -p)).sum()
    return SharedGrowth(rate, shifts.rename_axis("patient"), float(loss), int((y > share).sum()))


def floors(values: Iterable[float] = (0.01, 1e-3, 1e-4, 0.0)) -> pd.DataFrame:
    """What the floor does to the paper's doubling time: it decides it.

    Parameters
    ----------
    values : floors for `shared_growth`, shares of blasts

    Returns
    -------
    Index `floor`; `doubling_days`; `floored`, how many of 30 values were put up to it; `loss`.

    Source: as for `shared_growth`.
    """
    fits = {floor: shared_growth(floor) for floor in values}
    columns = ("doubling_days", "floored", "loss")
    rows = [{name: getattr(fit, name) for name in columns} for fit in fits.values()]
    return pd.DataFrame(rows, pd.Index(list(fits), name="floor"))


@dataclass(frozen=True)
class CensoredGrowth:
    """One doubling time of all patients, with blasts below a limit left open.

    doubling_days : days, with its profile `interval`
    spread : standard deviation of what a patient's two logits differ by from that growth
    censored : patients whose blasts in remission were below the limit
    """

    doubling_days: float
    interval: tuple[float, float]
    spread: float
    censored: int


def censored_growth(limit: float = LIMIT, *, level: float = 0.95) -> CensoredGrowth:
    """The paper's curve by a left-censored likelihood, in place of a floor.

    The logit of a patient's blasts grows by g days with a normal error; where blasts in remission
    were at the limit or below, it grew by that much or more. A shift of each patient drops out of
    the difference.

    Parameters
    ----------
    limit : per cent of blasts; those at it or below count as below it
    level : of the interval

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If the limit is not above 0, or leaves too few blasts above it.

    Source: Tobin 1958, Econometrica 26:24, for the data of Sentis et al. 2020.
    """
    first, last = _pairs(limit)
    days = (last["day"] - first["day"]).to_numpy(float)
    rise = (logit(last["blast_percent"] / 100) - logit(first["blast_percent"] / 100)).to_numpy()
    below = first["below"].to_numpy(bool)

    def loss(rate: float, log_sd: float) -> float:
        error, sd = rise - rate * days, np.exp(log_sd)
        return -float(np.where(below, norm.logsf(error, 0, sd), norm.logpdf(error, 0, sd)).sum())

    start = (rise @ days) / (days @ days)
    scale = 1 / np.sqrt(days @ days)
    best = minimize(lambda v: loss(start + scale * v[0], v[1]), [0, np.log(rise.std())],
                    method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})  # fmt: skip
    rate = start + scale * best.x[0]
    cut = best.fun + chi2.ppf(level, 1) / 2

    def above(g: float) -> float:
        found = minimize_scalar(lambda s: loss(g, s), bounds=(-5, 5), method="bounded")
        return float(found.fun - cut)

    slow = brentq(above, 1e-6, rate) if above(1e-6) > 0 else 0.0
    fast = brentq(above, rate, 20 * rate)
    ends = (float(np.log(2) / fast), float(np.log(2) / slow) if slow else np.inf)
    return CensoredGrowth(float(np.log(2) / rate), ends, float(np.exp(best.x[1])), int(below.sum()))


def doubling_by_patient(
    limit: float = LIMIT, *, noise: float = 0.25, level: float = 0.95
) -> Doubling:
    """Doubling times that differ between patients, from the same blasts, left-censored.

    Two samples give a patient's mean growth between them. If blasts fell further after the first,
    or were normal regenerating cells, growth was faster than this.

    Parameters
    ----------
    limit : per cent of blasts; those at it or below count as below it
    noise, level : as for `doubling.doubling_time_from_mrd`

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If the limit is not above 0, or leaves too few blasts above it.

    Source: data of Sentis et al. 2020, Genome Biol 21:284.
    """
    table = pd.concat(_pairs(limit)).reset_index()
    measured = table.rename(columns={"blast_percent": "mrd_percent", "below": "mrd_below"})
    return doubling_time_from_mrd(measured, noise=noise, level=level, shape="logistic")


def _pairs(limit: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Remission and relapse of each patient, blasts below the limit put at it and marked."""
    if not 0 < limit < 100:
        raise InputError(f"limit is {limit}; it is a percentage of blasts, above 0")
    table = sentis.relapse_blasts().set_index("patient")
    table["below"] = table["blast_percent"] <= limit
    table["blast_percent"] = table["blast_percent"].clip(lower=limit)
    first, last = table[table["day"] == 0], table[table["day"] > 0]
    if last["below"].any():
        patient = last.index[last["below"]][0]
        raise InputError(f"limit is {limit}; {patient} had no more than that at relapse: lower it")
    if (left := int((~first["below"]).sum())) < SEEN:
        raise InputError(
            f"limit is {limit}; patients with more than that in remission: {left}, and {SEEN} are "
            "needed: lower it"
        )
    return first, last.loc[first.index]
