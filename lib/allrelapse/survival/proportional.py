"""Is a hazard ratio the same at all times? Score tests, and residuals to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2, rankdata
from statsmodels.duration.hazard_regression import PHReg

from allrelapse.errors import InputError
from allrelapse.survival.checks import Floats
from allrelapse.survival.cox import ModelData, cox, model_data, risk_sets
from allrelapse.survival.curves import kaplan_meier

TRANSFORMS = ("km", "rank", "identity", "log")
"""Scales of time along which a log hazard ratio may drift."""
GLOBAL = "all together"


@dataclass(frozen=True)
class Proportionality:
    """Whether hazards are proportional.

    tests : one row per covariate and one for all together: `covariate`, `chi_squared`,
        `degrees_of_freedom`, `p_value`
    residuals : one row per event and covariate: `covariate`, `time`, `log_hazard`, the scaled
        Schoenfeld residual plus the coefficient; their smoothed course is that of the log hazard
        ratio
    """

    tests: pd.DataFrame
    residuals: pd.DataFrame


def proportionality(
    table: pd.DataFrame,
    *,
    time: str,
    event: str,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    transform: str = "km",
) -> Proportionality:
    """Test that hazard ratios of a Cox model (Efron ties) do not change with time.

    Parameters
    ----------
    table, time, event, covariates, strata : as for `cox`
    transform : a trend is looked for in 1 - Kaplan-Meier (`km`), in ranks of the times of events,
        in time itself (`identity`) or in its logarithm

    Raises
    ------
    InputError
        As told by `cox`, or if there is no such transform, or too few events to test.

    Source: Grambsch & Therneau 1994, Biometrika 81:515, as the score test of covariate times
    transformed time that R's `cox.zph` computes since `survival` 3.0. (lifelines' test is the
    older approximation, which takes the variance to be the same at all times.)
    """
    if transform not in TRANSFORMS:
        raise InputError(f"no transform {transform!r}; there are {', '.join(TRANSFORMS)}")
    fitted = cox(table, time=time, event=event, covariates=covariates, strata=strata)
    data = model_data(table, time, event, covariates, strata)
    slope = fitted.coefficients["log_hazard"].to_numpy() * data.spread
    score, information = _score(data, slope, _transformed(data, transform))
    size = len(covariates)
    asked = {name: [size + k] for k, name in enumerate(covariates)}
    asked[GLOBAL] = list(range(size, 2 * size))
    rows = []
    for name, added in asked.items():
        kept = [*range(size), *added]
        part = information[np.ix_(kept, kept)]
        if np.linalg.matrix_rank(part) < len(kept):
            raise InputError(f"column {name}: too few times of events to see a change in time")
        squared = float(score[kept] @ np.linalg.solve(part, score[kept]))
        rows.append((name, squared, len(added), float(chi2.sf(squared, len(added)))))
    columns = ["covariate", "chi_squared", "degrees_of_freedom", "p_value"]
    return Proportionality(pd.DataFrame(rows, columns=columns), _residuals(data, slope))


def _transformed(data: ModelData, transform: str) -> Floats:
    """The time of each patient on another scale; used at times of events only."""
    times = data.times
    if transform == "identity":
        return times
    if transform == "log":
        if times[data.events == 1].min() == 0:
            raise InputError("transform log: an event at time 0 has no logarithm; take another")
        return np.asarray(np.log(np.where(times > 0, times, 1.0)))
    if transform == "rank":
        ranks = np.zeros(len(times))
        ranks[data.events == 1] = rankdata(times[data.events == 1])
        return ranks
    curve = kaplan_meier(pd.Series(times), pd.Series(data.events))
    before = np.searchsorted(curve["time"], times, side="left") - 1
    return np.asarray(1 - np.r_[curve["survival"], 1.0][before])  # before all of them: 1


def _score(data: ModelData, slope: Floats, clock: Floats) -> tuple[Floats, Floats]:
    """Score and information of covariates and covariates times the clock, at no drift."""
    patient, risk_set, failed = risk_sets(data)
    when = np.zeros(risk_set.max() + 1)
    when[risk_set[failed == 1]] = clock[patient[failed == 1]]
    when -= when[risk_set[failed == 1]].mean()
    x = data.covariates[patient]
    both = np.hstack([x, x * when[risk_set][:, None]])
    # each risk set as a stratum in which time stands still
    model = PHReg(np.ones(len(x)), both, failed, strata=risk_set, ties="efron")
    at = np.r_[slope, np.zeros(len(slope))]
    return np.asarray(model.score(at)), -np.asarray(model.hessian(at))


def _residuals(data: ModelData, slope: Floats) -> pd.DataFrame:
    """Scaled Schoenfeld residuals plus the coefficients, in units of the covariates given.

    Source: Grambsch & Therneau 1994, section 3: coefficient + events x variance x residual.
    """
    patient, risk_set, failed = risk_sets(data)
    x = data.covariates[patient]
    weight = np.exp(x @ slope)
    total = np.bincount(risk_set, weight)
    mean = np.column_stack([np.bincount(risk_set, weight * column) / total for column in x.T])
    happened = failed == 1
    raw = x[happened] - mean[risk_set[happened]]
    model = PHReg(data.times, data.covariates, data.events, strata=data.strata, ties="efron")
    variance = np.linalg.inv(-model.hessian(slope))
    drift = (slope + len(raw) * raw @ variance) / data.spread
    wide = pd.DataFrame(drift, columns=list(data.names))
    wide = wide.assign(time=data.times[patient[happened]])
    long = wide.melt("time", var_name="covariate", value_name="log_hazard")
    return long[["covariate", "time", "log_hazard"]]
