"""What happens to patients after a relapse, counted from the day on which the clock may start."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from allrelapse.errors import InputError
from allrelapse.survival.checks import checked_events, checked_times, present

YEAR = 365.25
"""Days."""
DEATH = "death"


def after_relapse(patients: pd.DataFrame) -> pd.DataFrame:
    """Survival since the first relapse, the day from which its timing is known.

    Counted from diagnosis, a patient with a late relapse could not have died before it, and looks
    protected (immortal time).

    Parameters
    ----------
    patients : table of a cohort; patients without one of the three days or states are left out

    Returns
    -------
    The other columns of the patients, and in years since the first relapse: `years` (of follow-up),
    `second_relapse`, `transplant` (missing where not seen); `dead` (1 or 0); and
    `years_since_diagnosis`. An event of the day of relapse is at 0.

    Raises
    ------
    InputError
        If a column is absent, no patient has all three, or follow-up ends before the relapse.
    """
    needed = ["relapse_day", "follow_up_day", "status"]
    events = ["second_relapse_day", "transplant_day"]
    present(patients, [*needed, *events])
    known = patients.dropna(subset=needed)
    if known.empty:
        raise InputError(f"patients: nobody has all of {', '.join(needed)}, so none is followed")
    start = known["relapse_day"].astype(float)
    spans = {
        name: (known[f"{name}_day"].astype(float) - start) / YEAR
        for name in ("follow_up", "second_relapse", "transplant")
    }
    for name, span in spans.items():
        if (span < 0).any():
            raise InputError(
                f"patients: row {span.idxmin()}, column {name}_day: before relapse_day"
            )
    return known.drop(columns=[*needed, *events]).assign(
        years=spans["follow_up"],
        dead=(known["status"] == "dead").astype(int),
        second_relapse=spans["second_relapse"],
        transplant=spans["transplant"],
        years_since_diagnosis=known["follow_up_day"].astype(float) / YEAR,
    )


def first_event(
    table: pd.DataFrame, events: Sequence[str], *, time: str = "years", dead: str = "dead"
) -> pd.DataFrame:
    """Which of several events comes first, and when.

    Parameters
    ----------
    table : one row per patient
    events : columns of times of events, missing where not seen; of two at once the one named first
        counts, and each before death
    time, dead : columns of the end of follow-up, and whether it was death

    Returns
    -------
    Same rows: `time`, `cause` (name of the event, `death`, or missing).

    Raises
    ------
    InputError
        If a column is absent, a time impossible, or an event after the end of follow-up.
    """
    present(table, [*events, time, dead])
    end = pd.Series(checked_times(table[time]), table.index)
    died = checked_events(table[time], table[dead])
    columns: dict[str, Any] = {name: table[name].astype(float) for name in events}
    for name, column in columns.items():
        if column.notna().any():
            checked_times(column.dropna())
        if (column > end).any():
            row = (column > end).idxmax()
            raise InputError(f"column {name}, row {row}: after the end of follow-up; correct it")
    columns[DEATH] = end.where(died == 1)
    when = pd.DataFrame(columns)
    first = when.min(axis=1)
    cause = when.fillna(np.inf).idxmin(axis=1).mask(first.isna())
    return pd.DataFrame({"time": first.fillna(end), "cause": cause})


def landmark(
    table: pd.DataFrame,
    *,
    at: float,
    time: str = "years",
    event: str = "dead",
    exposure: str | None = None,
) -> pd.DataFrame:
    """Patients who are still followed at a landmark, with the clock started there.

    What happens to them later cannot decide to which group they belong.

    Parameters
    ----------
    table : one row per patient
    at : the landmark, in the unit of the times
    time, event : columns, as for `kaplan_meier`
    exposure : column with the time of what patients are compared by, missing where not seen

    Returns
    -------
    Rows followed beyond the landmark, with `time` counted from it, and `exposed` (whether the
    exposure came by then) if one is named.

    Raises
    ------
    InputError
        If a column is absent, a time impossible, or nobody is followed beyond the landmark.

    Source: Anderson, Cain & Gelber 1983, J Clin Oncol 1:710.
    """
    present(table, [time, event, *([exposure] if exposure else [])])
    times = checked_times(table[time])
    checked_events(table[time], table[event])
    if not 0 <= at < times.max():
        raise InputError(f"at {at:g}: must be 0 or more, and before the last time {times.max():g}")
    left = table[times > at]
    moved = left.assign(**{time: left[time] - at})
    return moved if exposure is None else moved.assign(exposed=left[exposure].le(at).astype(int))
