"""What follows from published estimates: differences, tests and hazard ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm
from statsmodels.stats.multitest import multipletests

from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.survival.checks import Floats


@dataclass(frozen=True)
class Heterogeneity:
    """Whether estimates differ by more than their errors: Cochran's Q, chi-squared if not."""

    q: float
    degrees_of_freedom: int
    p_value: float


def wald(
    values: ArrayLike, standard_errors: ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Lower and upper ends of the intervals of normal estimates, in the shape of the estimates."""
    value, reach = np.asarray(values), norm.ppf((1 + level) / 2) * np.asarray(standard_errors)
    return value - reach, value + reach


def differences(
    labels: Sequence[str],
    values: Sequence[float],
    standard_errors: Sequence[float],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Each estimate minus each one before it, if they are independent.

    Parameters
    ----------
    labels, values, standard_errors : one per group, in one unit

    Returns
    -------
    One row per pair: `group`, `against`, `difference`, `standard_error`, `lower`, `upper`,
    `p_value` (normal, two-sided), `p_holm`.

    Raises
    ------
    InputError
        If there are fewer than two, or an error is not above 0.
    """
    _check(values, standard_errors)
    rows = []
    for (before, low, low_error), (after, high, high_error) in combinations(
        zip(labels, values, standard_errors, strict=True), 2
    ):
        gap, error = high - low, float(np.hypot(low_error, high_error))
        p_value = 2 * norm.sf(abs(gap / error))
        rows.append((after, before, gap, error, *wald(gap, error, level=level), p_value))
    columns = ["group", "against", "difference", "standard_error", "lower", "upper", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=multipletests(table["p_value"], method="holm")[1])


def heterogeneity(values: Sequence[float], standard_errors: Sequence[float]) -> Heterogeneity:
    """Test that independent estimates are of one and the same quantity.

    Raises
    ------
    InputError
        If there are fewer than two, or an error is not above 0.

    Source: Cochran 1954, Biometrics 10:101.
    """
    _check(values, standard_errors)
    value, weight = np.asarray(values, float), np.asarray(standard_errors, float) ** -2.0
    q = float((weight * (value - np.average(value, weights=weight)) ** 2).sum())
    return Heterogeneity(q, len(value) - 1, float(chi2.sf(q, len(value) - 1)))


def from_interval(ratio: float, lower: float, upper: float, *, level: float = 0.95) -> pd.Series:
    """What the interval of a published ratio tells besides.

    Parameters
    ----------
    ratio, lower, upper : a hazard ratio and the ends of its interval of that level

    Returns
    -------
    `standard_error` of the log ratio, `z`, `p_value` (Wald, two-sided), and `centre`, the
    geometric mean of the ends: a Wald interval has the ratio there.

    Raises
    ------
    InputError
        If they are not 0 < lower < ratio < upper.
    """
    if not 0 < lower < ratio < upper:
        raise InputError(f"ratio {ratio} with interval {lower} to {upper}: must be in that order")
    error = np.log(upper / lower) / 2 / norm.ppf((1 + level) / 2)
    z = np.log(ratio) / error
    found = {"standard_error": error, "z": z, "p_value": 2 * norm.sf(abs(z))}
    return pd.Series(found | {"centre": float(np.sqrt(lower * upper))})


def implied_hazard_ratio(
    survival: float,
    standard_error: float,
    other: float,
    other_error: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """The hazard ratio that two survival probabilities at one time imply, if it is constant.

    Parameters
    ----------
    survival, standard_error : fraction that survives in the group, and its error
    other, other_error : the same in the group that it is set against

    Raises
    ------
    InputError
        If a fraction is not between 0 and 1, or an error not above 0.

    Source: S = exp(-H), so HR = log S1 / log S2; variance by the delta method on log(-log S).
    """
    _check([survival, other], [standard_error, other_error])
    if not (0 < survival < 1 and 0 < other < 1):
        raise InputError(f"survival {survival} and {other}: must be fractions between 0 and 1")
    logs = np.log(-np.log([survival, other]))
    parts = np.array([standard_error, other_error]) / ([survival, other] * np.exp(logs))
    centre = logs[0] - logs[1]
    ends = wald(centre, np.hypot(*parts), level=level)
    return Estimate(*(float(np.exp(x)) for x in (centre, *ends)))


def effective_number(survival: float, standard_error: float) -> float:
    """Patients whose survival would be known as well if none were censored.

    Raises
    ------
    InputError
        If the fraction is not between 0 and 1, or the error not above 0.

    Source: variance of a proportion, S (1 - S) / n.
    """
    if not 0 < survival < 1 or not standard_error > 0:
        raise InputError(
            f"survival {survival} ± {standard_error}: must be between 0 and 1, above 0"
        )
    return survival * (1 - survival) / standard_error**2


def _check(values: Sequence[float], standard_errors: Sequence[float]) -> None:
    if len(values) < 2 or not (np.asarray(standard_errors, float) > 0).all():
        raise InputError("need two estimates or more, each with a standard error above 0")
    if not np.isfinite(np.asarray(values, float)).all():
        raise InputError("an estimate is missing; leave it out")
