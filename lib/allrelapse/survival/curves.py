"""Survival and cumulative incidence over time, with their intervals and counts at risk."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from scipy.stats import norm
from statsmodels.duration.survfunc import CumIncidenceRight

from allrelapse.survival.checks import (
    Floats,
    Ints,
    checked_events,
    checked_labels,
    checked_times,
    groups_in_order,
    some_events,
)

CLOSE = 1e-9
"""Products of fractions this close to one half are one half."""


def kaplan_meier(
    time: "pd.Series[Any]",
    event: "pd.Series[Any]",
    group: "pd.Series[Any] | None" = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Share of patients without the event, by time since time zero (Kaplan-Meier).

    Parameters
    ----------
    time : end of follow-up since time zero, 0 or more, any unit
    event : 1 where follow-up ended with the event, 0 where it was censored; same index
    group : what to part the patients by, same index; categories keep their order

    Returns
    -------
    One row per group and time: `group`, `time`, `at_risk` (just before), `events`, `censored`,
    `survival` (just after) with the log-log interval `lower`, `upper`, not known before the first
    event and where nobody is left. Each group begins at time 0.

    Raises
    ------
    InputError
        If a time or an event is missing or impossible.

    Source: Kaplan & Meier 1958; variance of Greenwood on the log(-log) scale (lifelines).
    """
    times, events = checked_times(time), checked_events(time, event)
    texts = checked_labels(time, group)
    parts = {
        name: _curve(times[texts == name], events[texts == name], level)
        for name in groups_in_order(group, texts)
    }
    return pd.concat(parts, names=["group"]).reset_index("group").reset_index(drop=True)


def _curve(times: Floats, events: Ints, level: float) -> pd.DataFrame:
    fitted = KaplanMeierFitter(alpha=1 - level).fit(times, events)
    table, ends = fitted.event_table, fitted.confidence_interval_
    survival = fitted.survival_function_.iloc[:, 0].to_numpy()
    found = pd.DataFrame(
        {
            "time": table.index.to_numpy(float),
            "at_risk": table["at_risk"].to_numpy(int),
            "events": table["observed"].to_numpy(int),
            "censored": table["censored"].to_numpy(int),
            "survival": survival,
            "lower": ends.iloc[:, 0].to_numpy(),
            "upper": ends.iloc[:, 1].to_numpy(),
        }
    )
    # Greenwood's formula has no answer at the ends, where lifelines writes 0 to 0 and 1 to 1
    found.loc[(survival < CLOSE) | (survival > 1 - CLOSE), ["lower", "upper"]] = np.nan
    return found


def median_survival(curves: pd.DataFrame) -> pd.DataFrame:
    """The time at which half of the patients have had the event, for each group.

    Parameters
    ----------
    curves : from `kaplan_meier`, whose level the interval has

    Returns
    -------
    One row per group: `group`, `patients`, `events`, `median`, `lower`, `upper`; infinite where
    the curve, or an end of its interval, does not come down to one half.

    Source: Brookmeyer & Crowley 1982, Biometrics 38:29, with log-log intervals. The median is the
    first time at which survival is one half or less; R takes the middle where it is exactly half.
    """
    rows = []
    for name, part in curves.groupby("group", sort=False):
        reached = [_first(part, column) for column in ("survival", "lower", "upper")]
        rows.append((name, part["at_risk"].iloc[0], part["events"].sum(), *reached))
    return pd.DataFrame(rows, columns=["group", "patients", "events", "median", "lower", "upper"])


def _first(curve: pd.DataFrame, column: str) -> float:
    """First time at which a column is one half or less."""
    reached = curve.loc[curve[column] <= 0.5 + CLOSE, "time"]
    return float(reached.iloc[0]) if len(reached) else np.inf


def survival_at(curves: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
    """Survival at chosen times, with its interval and who is still followed.

    Returns
    -------
    One row per group and time: `group`, `time`, `survival`, `lower`, `upper`, `at_risk` (followed
    up to that time). Not known after the last time of a group, unless nobody was left by then.
    """
    rows = []
    for name, part in curves.groupby("group", sort=False):
        ends = part["time"].to_numpy()
        for when in times:
            last = part.iloc[max(int(np.searchsorted(ends, when, side="right")) - 1, 0)]
            known = when <= ends[-1] or last["survival"] < CLOSE
            values = last[["survival", "lower", "upper"]] if known else [np.nan] * 3
            rows.append((name, when, *values, _at_risk(part, when)))
    columns = ["group", "time", "survival", "lower", "upper", "at_risk"]
    return pd.DataFrame(rows, columns=columns)


def counts_at_risk(curves: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
    """Patients still followed at chosen times: groups as rows, times as columns."""
    rows = {
        name: [_at_risk(part, when) for when in times]
        for name, part in curves.groupby("group", sort=False)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(times)).rename_axis("group")


def _at_risk(curve: pd.DataFrame, when: float) -> int:
    later = curve.loc[curve["time"] >= when, "at_risk"]
    return int(later.iloc[0]) if len(later) else 0


def cumulative_incidence(
    time: "pd.Series[Any]",
    cause: "pd.Series[Any]",
    group: "pd.Series[Any] | None" = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Share of patients whose first event was of each cause, by time (Aalen-Johansen).

    One minus Kaplan-Meier would count a patient who died as one who may still relapse.

    Parameters
    ----------
    time : of the first event, or of the end of follow-up; since time zero, any unit
    cause : name of the first event; missing where follow-up ended without any

    Returns
    -------
    One row per group, cause and time: `group`, `cause`, `time`, `at_risk` (just before),
    `events` (of the cause), `incidence` with the log-log interval `lower`, `upper`, not known
    where there was none yet, or where all have had an event.

    Raises
    ------
    InputError
        If a time is missing or impossible, or no event happened.

    Source: Aalen & Johansen 1978; variance by the delta method (Marubini & Valsecchi 1995,
    chapter 10), as statsmodels has it. (lifelines moves tied times at random.)
    """
    times, texts = checked_times(time), checked_labels(time, group)
    known = cause.notna()
    some_events(known.astype(int).to_numpy(), cause.name)
    names = groups_in_order(cause, cause[known].astype(str))
    codes = cause.astype(object).map({name: k for k, name in enumerate(names, 1)}).fillna(0)
    rows = []
    for name in groups_in_order(group, texts):
        chosen = (texts == name).to_numpy()
        found = _incidence(times[chosen], codes.to_numpy(int)[chosen], names, level)
        rows.append(found.assign(group=name))
    table = pd.concat(rows, ignore_index=True)
    return table[["group", *table.columns.drop("group")]]


def _incidence(times: Floats, codes: Ints, causes: list[str], level: float) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):  # where all have had an event: not known
        found = CumIncidenceRight(times, codes)
    parts = []
    for code, cause in enumerate(causes, 1):
        seen = code <= len(found.cinc)  # statsmodels leaves out causes after the last one seen
        share = found.cinc[code - 1] if seen else np.zeros(len(found.times))
        error = found.cinc_se[code - 1] if seen else np.zeros(len(found.times))
        lower, upper = _log_log(share, error, level)
        columns = {
            "cause": cause,
            "time": found.times,
            "at_risk": (times[None, :] >= found.times[:, None]).sum(axis=1),
            "events": [int(((times == t) & (codes == code)).sum()) for t in found.times],
            "incidence": share,
            "lower": lower,
            "upper": upper,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _log_log(share: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    """Ends of the interval of a probability whose log(-log) is taken to be normal."""
    z = norm.ppf((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * error / (share * np.log(share))
        return share ** np.exp(-reach), share ** np.exp(reach)
