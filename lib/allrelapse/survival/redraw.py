"""Cohorts redrawn from a fitted model of proportional hazards."""

import numpy as np
import pandas as pd
from numpy.random import Generator

from allrelapse.survival.checks import Floats, Ints
from allrelapse.survival.curves import kaplan_meier


def redrawn(
    times: Floats,
    events: Ints,
    log_hazard: Floats,
    baseline: tuple[Floats, Floats],
    number: int,
    rng: Generator,
) -> tuple[Floats, Ints]:
    """Times and events that the same patients might have had, cohorts x patients.

    Events follow the model, evenly between those seen. Who was censored is censored there again;
    the others are when those were whose follow-up went on after their event.

    Parameters
    ----------
    times, events : as seen
    log_hazard : of each patient, against the baseline
    baseline : times of events, increasing, and cumulative hazard at each
    number : of cohorts

    Source: Davison & Hinkley 1997, Bootstrap Methods and their Application, sections 3.5 and 7.3
    (resampling from Cox's model, conditional on censoring).
    """
    when, hazard = (np.r_[0.0, column] for column in baseline)
    due = rng.exponential(size=(number, len(times))) / np.exp(log_hazard)
    event = np.where(due <= hazard[-1], np.interp(due, hazard, when), np.inf)
    curve = kaplan_meier(pd.Series(times), pd.Series(1 - events))
    ends, left = curve["time"].to_numpy(), curve["survival"].to_numpy()
    now = left[np.searchsorted(ends, times, side="right") - 1]  # curves begin at time 0
    later = np.searchsorted(-left, -now * rng.random(event.shape), side="right")
    seen = np.where(events == 1, ends[np.minimum(later, len(ends) - 1)], times)
    return np.minimum(event, seen), (event <= seen).astype(int)
