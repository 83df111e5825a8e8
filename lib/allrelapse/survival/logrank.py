"""Do curves differ? The log-rank test and its relatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2
from statsmodels.duration.survfunc import survdiff

from allrelapse.errors import InputError
from allrelapse.survival.checks import (
    Floats,
    Ints,
    checked_events,
    checked_labels,
    checked_times,
    groups_in_order,
    some_events,
)

WEIGHTS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "log-rank": {},
        "Gehan-Breslow": {"weight_type": "gb"},
        "Tarone-Ware": {"weight_type": "tw"},
        "Fleming-Harrington": {"weight_type": "fh", "fh_p": 1},
    }
)
"""Weights of an event: 1, patients at risk, their root, survival just before it."""


@dataclass(frozen=True)
class LogRank:
    """The test that groups have the same hazard.

    chi_squared, degrees_of_freedom, p_value : of the test
    groups : one row per group: `group`, `patients`, `events`, `expected` (if all had the hazard
        of all together, within strata)
    """

    chi_squared: float
    degrees_of_freedom: int
    p_value: float
    groups: pd.DataFrame


def logrank(
    time: "pd.Series[Any]",
    event: "pd.Series[Any]",
    group: "pd.Series[Any]",
    *,
    strata: "pd.Series[Any] | None" = None,
    weights: str = "log-rank",
) -> LogRank:
    """Test of equal hazards in two groups or more.

    Parameters
    ----------
    time, event, group : as for `kaplan_meier`
    strata : groups are compared within them only, same index
    weights : one of `WEIGHTS`; all but the log-rank give early events more

    Raises
    ------
    InputError
        If there are fewer than two groups, no event, no such weights, or nobody of a group is
        followed up to any event.

    Source: Mantel 1966; Peto & Peto 1972; Fleming & Harrington 1981 (statsmodels).
    """
    times, events = checked_times(time), checked_events(time, event)
    texts, stratum = checked_labels(time, group), checked_labels(time, strata)
    some_events(events, event.name)
    names = groups_in_order(group, texts)
    if len(names) < 2:
        raise InputError(f"column {group.name}: only {names[0]!r}; a comparison needs two groups")
    if weights not in WEIGHTS:
        raise InputError(f"no weights {weights!r}; there are {', '.join(WEIGHTS)}")
    codes = texts.map({name: k for k, name in enumerate(names)}).to_numpy()
    try:
        with np.errstate(divide="ignore"):  # log of survival 0 after the last event; not used
            squared, _ = survdiff(
                times, events, codes, strata=stratum.to_numpy(), **WEIGHTS[weights]
            )
    except np.linalg.LinAlgError:
        squared = np.nan
    if not np.isfinite(squared):
        raise InputError(
            f"column {group.name}: nobody of some group is at risk beside another at any event; "
            "leave that group out, or use fewer strata"
        )
    expected = _expected(times, events, codes, stratum.to_numpy(), len(names))
    counts = {
        "group": names,
        "patients": np.bincount(codes),
        "events": np.bincount(codes, events).astype(int),
        "expected": expected,
    }
    freedom = len(names) - 1
    p_value = float(chi2.sf(squared, freedom))
    return LogRank(float(squared), freedom, p_value, pd.DataFrame(counts))


def _expected(times: Floats, events: Ints, codes: Ints, strata: Any, groups: int) -> Floats:  # noqa: ANN401
    """Events of each group if all at risk were alike, summed over strata."""
    expected = np.zeros(groups)
    for name in np.unique(strata):
        inside = strata == name
        for when in np.unique(times[inside & (events == 1)]):
            at_risk = np.bincount(codes[inside & (times >= when)], minlength=groups)
            happened = events[inside & (times == when)].sum()
            expected += happened * at_risk / at_risk.sum()
    return expected
