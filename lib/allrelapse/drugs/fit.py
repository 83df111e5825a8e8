"""One dose-response curve: IC50 with its profile interval, area, outliers; or plainly that not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import approx_fprime
from scipy.special import logit
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from allrelapse.drugs.law import Array, dose_for, law
from allrelapse.drugs.metrics import area
from allrelapse.drugs.model import Model
from allrelapse.drugs.profile import profile, sandwich
from allrelapse.drugs.wells import Wells, wells
from allrelapse.errors import InputError
from allrelapse.exact import Estimate

Kind = Literal["absolute", "relative"]
MEASURED = "measured"
ABOVE = "IC50 above the tested range"
BELOW = "IC50 below the tested range"
FLAT = "no effect seen: IC50 beyond the tested range"
VAGUE = "IC50 not determined by these doses"
OUTLIERS = 0.01
"""Share of false ones among the wells that are left out (the default of ROUT)."""
FEW = 20
"""Wells beyond the parameters from which their uneven scatter can be told."""
UNEVEN = np.linspace(0, 0.95, 20)
"""Shares of the scatter that may go with the viability."""
ROUNDS = 2  # of a robust fit and the scatter around it
TINY = 1e-6  # scatter of wells that lie on a curve, as a fraction of untreated


@dataclass(frozen=True)
class CurveFit:
    """A dose-response curve.

    ic50 : µmol per litre, absolute or relative as `kind` says, with its profile interval; infinite
        or 0 above or below the tested doses, NaN where it cannot be told; an end of the interval
        beyond the tested doses is infinite or 0
    status : `MEASURED`, or in words why there is no number
    relative : the relative IC50, µmol per litre; beyond the tested doses it means nothing
    hill, bottom : slope, and what remains at the highest doses (fraction of untreated)
    tops : height of each plate, in the order in which the plates appear
    auc : mean of the curve over the logarithms of the tested doses, with Student's interval: 1 if
        the drug does nothing, 0 if it kills all at every dose
    p_effect : one-sided P that viability does not fall with the dose (Student's t of its slope on
        the rank of the dose, plates allowed for)
    sigma : standard deviation of a well with as many living cells as untreated ones
    outlier : of each well (index of the table), whether it was left out
    doses : lowest and highest dose above 0, µmol per litre
    wells : number of wells that count
    """

    ic50: Estimate
    kind: Kind
    status: str
    relative: float
    hill: float
    bottom: float
    tops: tuple[float, ...]
    auc: Estimate
    p_effect: float
    sigma: float
    outlier: "pd.Series[bool]"
    doses: tuple[float, float]
    wells: int

    def predict(self, dose: ArrayLike) -> Array:
        """The curve, as a fraction of untreated wells, at doses in µmol per litre."""
        return law(dose, self.relative, self.hill, self.bottom)

    def row(self) -> dict[str, object]:
        """The fit as one row of a table, without the wells."""
        ends = zip(("lower", "upper"), self.ic50.interval, self.auc.interval, strict=True)
        found: dict[str, object] = {"ic50": self.ic50.value, "auc": self.auc.value}
        for end, of_ic50, of_auc in ends:
            found |= {f"ic50_{end}": of_ic50, f"auc_{end}": of_auc}
        shape = (np.nan, np.nan) if self.status == FLAT else (self.hill, self.bottom)
        found |= {"status": self.status, "hill": shape[0], "bottom": shape[1]}
        found |= {"p_effect": self.p_effect, "sigma": self.sigma, "lowest_dose": self.doses[0]}
        found |= {"highest_dose": self.doses[1], "wells": self.wells}
        return found | {"outliers": int(self.outlier.sum())}


def fit_curve(
    table: pd.DataFrame,
    *,
    kind: Kind = "absolute",
    level: float = 0.95,
    outliers: float = OUTLIERS,
    uneven: bool = True,
    lowest: float = 0.0,
    aim: float = 0.5,
) -> CurveFit:
    """The dose-response curve of one drug in one kind of cells.

    Outliers are found from a robust (Cauchy) fit and left out; the rest is fitted by least squares,
    weighted where wells with more living cells scatter more. An IC50 is told only within the tested
    doses, as beyond them it would rest on the law alone. If there are wells enough, intervals hold
    whatever the scatter of each well is (`Profile`).

    Parameters
    ----------
    table : one row per well: `dose` (µmol per litre, 0 for untreated), `viability` (fraction of
        untreated; another unit will do, as every plate has a height of its own), and if known
        `plate`
    kind : `absolute`, the dose that halves the viability of untreated cells, or `relative`, the
        middle between top and bottom
    level : of the intervals
    outliers : false discovery rate among the wells left out; 0 to leave out none
    uneven : let the scatter of wells depend on their viability; else all scatter alike
    lowest : least bottom; -1 for growth rates (`gr_values`)
    aim : the viability at which an absolute dose is told, if it is not half (`viability_at_gr`);
        then `ic50` is the dose for that

    Raises
    ------
    InputError
        If wells are unusable (row, column and mend are named) or too few.

    Source: Motulsky & Brown 2006, BMC Bioinformatics 7:123 (outliers, ROUT); Bates & Watts 1988,
    section 6.1 (profile intervals).
    """
    if kind not in ("absolute", "relative") or not 0 < level < 1 or not 0 <= outliers < 1:
        raise InputError(
            f"kind must be absolute or relative, level and outliers lie between 0 and 1; got "
            f"{kind!r}, {level}, {outliers}"
        )
    if not max(lowest, 0) < aim < 1:
        raise InputError(f"aim must lie between 0 and 1; got {aim}")
    model, theta, squares, outlier = least(table, outliers=outliers, uneven=uneven, lowest=lowest)
    data = model.data
    bottom, hill = model.shape(theta)
    relative = float(np.exp(np.clip(theta[-1], -700, 700)))
    p_effect = _p_effect(data)
    aim = aim if kind == "absolute" else 0.0
    found = float(dose_for(aim, relative, hill, bottom)) if aim else relative
    ends = _interval(model, theta, squares, found, aim, level)
    flat = p_effect >= 1 - level
    value, status = _told(found, ends, data, flat, kind)
    low, high = map(float, np.exp(data.range()))
    return CurveFit(
        ic50=Estimate(value, *ends),
        kind=kind,
        status=status,
        relative=relative,
        hill=hill,
        bottom=bottom,
        tops=tuple(map(float, theta[: model.plates])),
        auc=_flat_area(data, level) if flat else _area(model, theta, level),
        p_effect=p_effect,
        sigma=float(np.sqrt(squares / model.freedom) * data.scatter.max()),
        outlier=outlier,
        doses=(low, high),
        wells=len(data.viability),
    )


def least(
    table: pd.DataFrame, *, outliers: float, uneven: bool, lowest: float = 0.0
) -> tuple[Model, Array, float, "pd.Series[bool]"]:
    """The least-squares fit of one curve without its outliers, and which wells these are.

    Source: Motulsky & Brown 2006, BMC Bioinformatics 7:123: residuals of a robust fit against the
    68th percentile of all, with Student's P, and the false discovery rate of Benjamini & Hochberg.
    """
    model = Model(wells(table), lowest)
    theta, squares = model.best()
    wrong = np.zeros(len(table), bool)
    for _ in range(ROUNDS) if uneven or outliers else ():
        theta, _ = model.solve(theta, robust=_spread(model, theta))
        scatter = _scatter(model, theta, uneven=uneven)
        model = Model(replace(model.data, scatter=scatter), lowest)
    if outliers:
        away = np.abs(model.residual(theta)) / _spread(model, theta)
        wrong = false_discovery_control(2 * student.sf(away, model.freedom)) < outliers
        wrong &= wrong.sum() < model.freedom  # something must remain to fit
    model = Model(model.data.kept(~wrong), lowest)
    if uneven or outliers:
        theta, squares = model.best([theta])
    return model, theta, squares, pd.Series(wrong, table.index, bool, "outlier")


def _spread(model: Model, theta: Array) -> float:
    """Robust standard deviation of residuals: their 68th percentile, allowing for parameters."""
    away = np.abs(model.residual(theta))
    return max(float(np.quantile(away, 0.6827)) * len(away) / model.freedom, TINY)


def _scatter(model: Model, theta: Array, *, uneven: bool) -> Array:
    """Standard deviation of each well, as it depends on how many cells are alive.

    It is s · (1 − r + r · viability / untreated), with s from the 68th percentile of residuals and
    the likeliest r for Student's t with 4 degrees, which outliers move little. Where wells are too
    few to tell, they scatter alike.

    Source: Davidian & Carroll 1987, J Am Stat Assoc 82:1079 (variance from absolute residuals).
    """
    if not uneven or model.freedom < FEW:
        return np.ones(len(model.data.viability))
    mean = model.mean(theta)[0]
    top = theta[model.data.plate]
    away = np.abs(mean - model.data.viability)
    r = UNEVEN[:, None]
    shape = 1 - r + r * mean / top
    scale = np.quantile(away / shape, 0.6827, axis=1) * len(away) / model.freedom
    scatter = np.maximum(scale, TINY * top.mean())[:, None] * shape
    likelihood = (student.logpdf(away / scatter, 4) - np.log(scatter)).sum(axis=1)
    return np.asarray(scatter[likelihood.argmax()])


def _p_effect(data: Wells) -> float:
    """One-sided P of a slope of viability on the rank of the dose, each plate with its height."""
    rank = np.unique(data.log_dose, return_inverse=True)[1].astype(float)
    design = np.column_stack([np.eye(data.plate.max() + 1)[data.plate], rank])
    slope, squares = np.linalg.lstsq(design, data.viability, rcond=None)[:2]
    freedom = len(rank) - design.shape[1]
    if not squares.size or squares[0] <= 1e-20 * (data.viability @ data.viability):
        return 0.0 if slope[-1] < -1e-9 else 1.0
    error = np.sqrt(squares[0] / freedom * np.linalg.inv(design.T @ design)[-1, -1])
    return float(student.cdf(slope[-1] / error, freedom))


def _interval(
    model: Model, theta: Array, squares: float, found: float, aim: float, level: float
) -> tuple[float, float]:
    """Profile interval of the IC50, µmol per litre, open where the doses do not bound it."""
    low, high = model.data.range()
    mine = Model(model.data, model.lowest, aim)
    begin = theta.copy()
    if aim:
        share = (model.shape(theta)[0] - model.lowest) / (aim - model.lowest)
        begin[model.plates] = logit(np.clip(share, 0.01, 0.99))
        begin[-1] = np.log(np.clip(found, *np.exp([low - 2, high + 2])))
    best = float(np.log(found)) if 0 < found < np.inf else np.inf
    if aim:
        begin, _ = mine.solve(begin)
    curve = profile(mine, begin, squares, inside=low <= best <= high)
    lower, upper = np.exp(curve.interval(best, low, high, level))
    return float(lower), float(upper)


def _told(
    found: float, ends: tuple[float, float], data: Wells, flat: bool, kind: Kind
) -> tuple[float, str]:
    """The IC50 as far as the doses tell it, and in words."""
    low, high = np.exp(data.range())
    if flat:
        return (np.nan if kind == "relative" else np.inf), FLAT
    if found > high:
        return np.inf, ABOVE
    if found < low:
        return 0.0, BELOW
    return (np.nan, VAGUE) if ends == (0.0, np.inf) else (found, MEASURED)


def _area(model: Model, theta: Array, level: float) -> Estimate:
    """Area under the curve with Student's interval, by the delta method."""
    low, high = np.exp(model.data.range())

    def value(parameters: Array) -> float:
        bottom, hill = model.shape(parameters)
        ic50 = float(np.exp(np.clip(parameters[-1], -700, 700)))
        return area(ic50, hill, bottom, lowest=low, highest=high)

    found = sandwich(model, theta, approx_fprime(theta, value, 1e-6))
    known = model.data.known
    error, freedom = (found.robust, found.freedom) if known else (found.naive, model.freedom)
    half = float(student.ppf((1 + level) / 2, freedom)) * error
    middle = value(theta)
    return Estimate(middle, middle - half, middle + half)


def _flat_area(data: Wells, level: float) -> Estimate:
    """Area of a flat curve: treated wells over untreated ones of their plate, trapezoids.

    The fitted bottom of a flat curve is at its limit, where the delta method sees no uncertainty.
    Without untreated wells on every plate there is nothing to compare with.
    """
    treated = np.isfinite(data.log_dose)
    number = np.bincount(data.plate[~treated], minlength=data.plate.max() + 1)
    if not number.all():
        return Estimate(np.nan, -np.inf, np.inf)
    tops = np.bincount(data.plate[~treated], data.viability[~treated]) / number
    share = data.viability / tops[data.plate]
    doses, which, wells_at = np.unique(
        data.log_dose[treated], return_inverse=True, return_counts=True
    )
    gaps = np.diff(doses) / (doses[-1] - doses[0]) / 2
    weight = ((np.r_[gaps, 0] + np.r_[0, gaps]) / wells_at)[which]
    value = float(weight @ share[treated])
    freedom = len(share) - len(tops) - 1
    away = np.r_[share[treated] - value, share[~treated] - 1]
    of_plates = np.bincount(data.plate[treated], weight, len(tops))
    variance = (away @ away) / freedom * (weight @ weight + (of_plates**2 / number).sum())
    half = float(student.ppf((1 + level) / 2, freedom) * np.sqrt(variance))
    return Estimate(value, value - half, value + half)


def fit_curves(
    table: pd.DataFrame,
    by: Sequence[str] = ("line", "genotype", "drug"),
    *,
    kind: Kind = "absolute",
    level: float = 0.95,
    outliers: float = OUTLIERS,
    uneven: bool = True,
) -> tuple[pd.DataFrame, dict[tuple[str, ...], CurveFit]]:
    """Every curve of a table of wells.

    Parameters
    ----------
    table : wells as in `fit_curve`, and what tells curves apart
    by : columns that do; gaps count as a value of their own
    kind, level, outliers, uneven : as in `fit_curve`

    Returns
    -------
    One row per curve, sorted: `by`, `ic50` (µmol per litre) with `ic50_lower`, `ic50_upper`, `auc`
    with its ends, `status` and the rest of `CurveFit`; and the fits by the values of `by`. Curves
    that cannot be fitted have the reason as `status`, no numbers, and no fit.

    Raises
    ------
    InputError
        If a column of `by` is absent.
    """
    if absent := [name for name in by if name not in table]:
        raise InputError(f"wells have no column {', '.join(absent)}; add it, or leave it out of by")
    rows: list[dict[str, object]] = []
    fits: dict[tuple[str, ...], CurveFit] = {}
    for values, mine in table.groupby(list(by), dropna=False):
        key = tuple(map(str, values))
        named = dict(zip(by, values, strict=True))
        try:
            fit = fit_curve(mine, kind=kind, level=level, outliers=outliers, uneven=uneven)
        except InputError as reason:
            rows.append({**named, "status": f"not fitted: {reason}"})
            continue
        fits[key] = fit
        rows.append({**named, **fit.row()})
    return pd.DataFrame(rows), fits
