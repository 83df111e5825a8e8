"""Restricted mean survival time: the mean time without the event up to a horizon."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from allrelapse.errors import InputError
from allrelapse.survival.curves import CLOSE, kaplan_meier


def rmst(
    time: "pd.Series[Any]",
    event: "pd.Series[Any]",
    group: "pd.Series[Any] | None" = None,
    *,
    until: float,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean time without the event up to a horizon: the area under the Kaplan-Meier curve.

    Parameters
    ----------
    time, event, group : as for `kaplan_meier`
    until : the horizon, in the unit of the times

    Returns
    -------
    One row per group: `group`, `patients`, `rmst`, `standard_error`, `lower`, `upper`.

    Raises
    ------
    InputError
        If a group is not followed up to the horizon.

    Source: Klein & Moeschberger 2003, equations 4.5.1 and 4.5.2 (Greenwood's variance). (What
    lifelines calls variance is that of a single time, not the square of the standard error.)
    """
    z = norm.ppf((1 + level) / 2)
    rows = []
    for name, curve in kaplan_meier(time, event, group).groupby("group", sort=False):
        mean, error = _area(curve, until, str(name))
        patients = int(curve["at_risk"].iloc[0])
        rows.append((name, patients, mean, error, mean - z * error, mean + z * error))
    columns = ["group", "patients", "rmst", "standard_error", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def rmst_difference(
    time: "pd.Series[Any]",
    event: "pd.Series[Any]",
    group: "pd.Series[Any]",
    *,
    until: float,
    level: float = 0.95,
) -> pd.DataFrame:
    """Restricted mean survival time of each other group minus that of the first one.

    Returns
    -------
    One row per other group: `group`, `against`, `difference`, `standard_error`, `lower`, `upper`,
    `p_value` (normal, two-sided).

    Raises
    ------
    InputError
        If there is one group only, or one is not followed up to the horizon.

    Source: Royston & Parmar 2013, BMC Med Res Methodol 13:152.
    """
    means = rmst(time, event, group, until=until, level=level)
    if len(means) < 2:
        raise InputError(f"column {group.name}: only {means['group'][0]!r}; a difference needs two")
    first, others = means.iloc[0], means.iloc[1:]
    difference = (others["rmst"] - first["rmst"]).to_numpy()
    error = np.hypot(others["standard_error"], first["standard_error"]).to_numpy()
    if (error == 0).any():
        raise InputError(f"until {until:g}: no event before it, so there is no error to judge by")
    reach = norm.ppf((1 + level) / 2) * error
    return pd.DataFrame(
        {
            "group": others["group"].to_numpy(),
            "against": first["group"],
            "difference": difference,
            "standard_error": error,
            "lower": difference - reach,
            "upper": difference + reach,
            "p_value": 2 * norm.sf(np.abs(difference / error)),
        }
    )


def _area(curve: pd.DataFrame, until: float, name: str) -> tuple[float, float]:
    """Area under a curve up to the horizon, and its standard error."""
    last = curve.iloc[-1]
    if not 0 < until < np.inf:
        raise InputError(f"until {until:g}: must be above 0 and finite")
    if until > last["time"] and last["survival"] > CLOSE:
        raise InputError(
            f"until {until:g}: group {name!r} is followed up to {last['time']:g} only; take that "
            "or an earlier time"
        )
    used = curve[curve["time"] < until]
    steps = np.diff(np.r_[used["time"], until]) * used["survival"].to_numpy()
    beyond = np.cumsum(steps[::-1])[::-1]  # area from each time to the horizon
    events, at_risk = used["events"].to_numpy(float), used["at_risk"].to_numpy(float)
    left = at_risk - events
    with np.errstate(divide="ignore", invalid="ignore"):  # nobody left: no area beyond either
        greenwood = np.where(left > 0, events / (at_risk * left), 0.0)
    return float(steps.sum()), float(np.sqrt((beyond**2 * greenwood).sum()))
