"""Proportional hazards: how much a covariate multiplies the hazard."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from firthmodels import FirthCoxPH
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError
from scipy.optimize import linprog
from scipy.stats import chi2, norm
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.duration.hazard_regression import PHReg

from allrelapse.errors import InputError
from allrelapse.survival.checks import (
    Floats,
    Ints,
    checked_covariates,
    checked_events,
    checked_labels,
    checked_times,
    present,
    scaled,
    some_events,
)
from allrelapse.survival.redraw import redrawn

TIES = ("efron", "breslow", "exact")
"""What is done with events at the same time."""
FLAT = 1e-3
"""Steepest slope of the likelihood at its top, in standard errors to go."""
TIME, EVENT, STRATUM = "time of the model", "event of the model", "stratum of the model"
"""Names of columns that no covariate is likely to have."""


@dataclass(frozen=True)
class CoxModel:
    """A fitted model of proportional hazards.

    coefficients : one row per covariate: `covariate`, `log_hazard` with its `standard_error`,
        `hazard_ratio` with `lower`, `upper`, and `p_value`
    ties : how ties were handled
    patients, events : numbers in the model
    loglik, loglik_null : log (penalised) partial likelihood, and that without covariates
    """

    coefficients: pd.DataFrame
    ties: str
    patients: int
    events: int
    loglik: float
    loglik_null: float

    @property
    def p_value(self) -> float:
        """P of the likelihood-ratio test that no covariate matters."""
        return float(chi2.sf(2 * (self.loglik - self.loglik_null), len(self.coefficients)))


@dataclass(frozen=True)
class ModelData:
    """What a model is fitted to: one row per patient, covariates scaled by their `spread`."""

    times: Floats
    events: Ints
    covariates: Floats
    strata: Ints
    spread: Floats
    names: tuple[str, ...]


def model_data(
    table: pd.DataFrame, time: str, event: str, covariates: Sequence[str], strata: Sequence[str]
) -> ModelData:
    """Columns of a table, checked.

    Raises
    ------
    InputError
        If a column is absent, a value missing or impossible, a covariate constant or a sum of
        others, or no event happened.
    """
    present(table, [time, event, *strata])
    times, events = checked_times(table[time]), checked_events(table[time], table[event])
    some_events(events, event)
    values, spread = scaled(checked_covariates(table, covariates))
    labels = [checked_labels(table[time], table[name]) for name in strata]
    codes = pd.factorize(pd.Series(zip(*labels, strict=True)))[0] if labels else 0 * events
    return ModelData(times, events, values, codes, spread, tuple(covariates))


def cox(
    table: pd.DataFrame,
    *,
    time: str,
    event: str,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    ties: str = "efron",
    level: float = 0.95,
) -> CoxModel:
    """Hazard ratios by Cox's partial likelihood.

    Parameters
    ----------
    table : one row per patient
    time, event : its columns, as for `kaplan_meier`
    covariates : columns of numbers or truth values; a hazard ratio is per unit
    strata : columns; each combination has a baseline hazard of its own
    ties : `efron`; `breslow`, which is biased towards 1 with many ties; `exact`, the likelihood of
        discrete times, which is fitted as a conditional logistic regression within risk sets

    Returns
    -------
    CoxModel, with Wald intervals and P values.

    Raises
    ------
    InputError
        As told by `model_data`, or if a hazard ratio is 0 or infinite (use `firth`).

    Source: Cox 1972, J R Stat Soc B 34:187; Efron 1977, J Am Stat Assoc 72:557 (statsmodels, from
    where lifelines ends). R's `coxph` has the same three names.
    """
    if ties not in TIES:
        raise InputError(f"no ties {ties!r}; there are {', '.join(TIES)}")
    data = model_data(table, time, event, covariates, strata)
    endless = separated(data, ties)
    if endless:
        raise InputError(
            f"columns {', '.join(endless)}: some combination puts every event first or last, so "
            "its hazard ratio has no finite estimate; use `firth`, or leave a column out"
        )
    model = _exact(data) if ties == "exact" else _partial(data, ties)
    start = _efron(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # whatever did not converge is no estimate
        try:
            slope = model.fit(start_params=start, disp=False).params
            error = _errors(-model.hessian(slope))
            if np.abs(model.score(slope) * error).max() > FLAT:
                raise np.linalg.LinAlgError("the likelihood is not at its top")
        except (Warning, np.linalg.LinAlgError, RecursionError) as reason:
            raise InputError(f"columns {', '.join(covariates)}: no fit ({reason})") from reason
    z = norm.ppf((1 + level) / 2) * error
    p_value = 2 * norm.sf(np.abs(slope / error))
    found = _coefficients(data, slope, error, slope - z, slope + z, p_value)
    likelihood = float(model.loglike(slope)), float(model.loglike(0 * slope))
    return CoxModel(found, ties, len(data.times), int(data.events.sum()), *likelihood)


def firth(
    table: pd.DataFrame,
    *,
    time: str,
    event: str,
    covariates: Sequence[str],
    level: float = 0.95,
    redraws: int = 0,
    seed: int = 0,
) -> CoxModel:
    """Hazard ratios by Firth's penalised partial likelihood, which are always finite.

    For few events, or where a group has none. With few events per covariate ratios come out too far
    from 1, and those of a rare feature too high: the penalty is the largest where those with and
    without the feature weigh alike among those at risk. Profile intervals then hold too seldom
    (`benchmarks/README.md`). With `redraws` intervals and P values allow for what the estimates of
    cohorts redrawn from the fitted model do.

    Parameters
    ----------
    table, time, event, covariates : as for `cox`; there are no strata, and ties are Breslow's
    redraws : number of cohorts; 100 will do, as only a mean and a spread are taken from them
    seed : of the redraws

    Returns
    -------
    CoxModel, with profile intervals and P values of penalised likelihood ratios; with redraws, of
    the normal law with the mean and spread of (estimate - planted) / standard error.

    Raises
    ------
    InputError
        As told by `model_data`, or if it does not converge.

    Source: Heinze & Schemper 2001, Biometrics 57:114 (firthmodels); Davison & Hinkley 1997,
    Bootstrap Methods and their Application, sections 5.2 (studentised) and 7.3 (Cox's model).
    """
    data = model_data(table, time, event, covariates, ())
    fit = FirthCoxPH(backend="numpy", max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit.fit(data.covariates, (data.events == 1, data.times))
            if redraws:
                ends, p_value = _redrawn_ends(data, fit, redraws, seed, level)
            else:
                ends, p_value = fit.conf_int(1 - level, "pl").T, fit.lrt().lrt_pvalues_
        except (Warning, np.linalg.LinAlgError) as reason:
            raise InputError(f"columns {', '.join(covariates)}: no fit ({reason})") from reason
    found = _coefficients(data, fit.coef_, fit.bse_, ends[0], ends[1], p_value)
    likelihood = float(fit.loglik_), _penalised_null(data)
    return CoxModel(found, "breslow", len(data.times), int(data.events.sum()), *likelihood)


def _redrawn_ends(
    data: ModelData, fit: FirthCoxPH, number: int, seed: int, level: float
) -> tuple[Floats, Floats]:
    """Ends of intervals and P values from the pivots of cohorts redrawn from a fit."""
    pivots = _pivots(data, fit, number, seed)
    shift, spread = pivots.mean(axis=0), pivots.std(axis=0, ddof=1)
    reach = norm.ppf((1 + level) / 2) * spread * np.array([[1], [-1]])
    ends = fit.coef_ - (shift + reach) * fit.bse_
    return ends, 2 * norm.sf(np.abs(fit.coef_ / fit.bse_ - shift) / spread)


def _pivots(data: ModelData, fit: FirthCoxPH, number: int, seed: int) -> Floats:
    """(Estimate - planted) / error of each redrawn cohort, cohorts x covariates."""
    baseline = fit.unique_times_, fit.cum_baseline_hazard_
    log_hazard, rng = data.covariates @ fit.coef_, np.random.default_rng(seed)
    pivots, again = [], FirthCoxPH(max_iter=200)
    cohorts = redrawn(data.times, data.events, log_hazard, baseline, number, rng)
    for times, events in zip(*cohorts, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                again.fit(data.covariates, (events == 1, times))
            except (Warning, ValueError, np.linalg.LinAlgError):
                continue  # nobody had the event, or those at risk did not differ
        pivots.append((again.coef_ - fit.coef_) / again.bse_)
    if len(pivots) < max(number / 2, 2):
        raise InputError(
            f"{int(data.events.sum())} events: too few to redraw cohorts; take redraws=0"
        )
    return np.array(pivots)


def _penalised_null(data: ModelData) -> float:
    """Penalised log partial likelihood without any effect."""
    model, none = _partial(data, "breslow"), np.zeros(len(data.names))
    return float(model.loglike(none) + np.linalg.slogdet(-model.hessian(none))[1] / 2)


def _efron(data: ModelData) -> Floats:
    """Estimates by lifelines to three digits or so, by steps that do not overshoot."""
    table = pd.DataFrame(data.covariates, columns=list(data.names))
    table = table.assign(**{TIME: data.times, EVENT: data.events, STRATUM: data.strata})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns beforehand; we look at the top itself
        try:
            fit = CoxPHFitter().fit(table, TIME, EVENT, strata=[STRATUM])
        except (ConvergenceError, ValueError) as reason:
            raise InputError(f"columns {', '.join(data.names)}: no fit ({reason})") from reason
    return np.asarray(fit.params_, float)


def _partial(data: ModelData, ties: str) -> PHReg:
    return PHReg(data.times, data.covariates, data.events, strata=data.strata, ties=ties)


def _exact(data: ModelData) -> ConditionalLogit:
    """Given how many of a risk set have the event, who? The same likelihood."""
    patient, risk_set, failed = risk_sets(data)
    open_sets = np.bincount(risk_set, failed) < np.bincount(risk_set)
    if not open_sets.any():
        raise InputError("everybody at risk has each event, so there is nothing to compare")
    kept = open_sets[risk_set]
    return ConditionalLogit(
        failed[kept], data.covariates[patient[kept]], groups=pd.factorize(risk_set[kept])[0]
    )


def _errors(information: Floats) -> Floats:
    """Standard errors from an information matrix, if it has full rank."""
    if np.linalg.matrix_rank(information, hermitian=True) < len(information):
        raise np.linalg.LinAlgError("those at risk together do not differ enough")
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(information))))


def risk_sets(data: ModelData) -> tuple[Ints, Ints, Ints]:
    """Everybody at risk at each time of an event, within strata.

    Returns
    -------
    patient : row of the patient, one for each risk set that the patient is in
    risk_set : number of the risk set, by stratum and time
    failed : 1 where that patient has the event at that time
    """
    parts: list[tuple[Ints, Ints, Ints]] = []
    happened = data.events == 1
    for stratum in np.unique(data.strata):
        inside = data.strata == stratum
        for when in np.unique(data.times[inside & happened]):
            patient = np.flatnonzero(inside & (data.times >= when))
            failed = happened[patient] & (data.times[patient] == when)
            parts.append((patient, np.full(len(patient), len(parts)), failed.astype(int)))
    patient, risk_set, failed = (np.concatenate(column) for column in zip(*parts, strict=True))
    return patient, risk_set, failed


def separated(data: ModelData, ties: str = "efron") -> list[str]:
    """Covariates that take part in a combination on which events are the largest at risk.

    Along it the partial likelihood has no maximum. A linear programme finds it if there is one.
    Events at the same time must be equal on it, but for the exact likelihood.

    Source: Bryson & Johnson 1981, Technometrics 23:381 (monotone likelihood).
    """
    parts = []
    for stratum in np.unique(data.strata):
        inside, happened = data.strata == stratum, data.events == 1
        ends = [*np.unique(data.times[inside & happened]), np.inf]
        for when, later in pairwise(ends):
            failed = inside & happened & (data.times == when)
            # who is at risk later is below the next event, if that is below this one
            below = inside & (data.times >= when) & (data.times < later)
            below |= inside & happened & (data.times == later)
            below &= ~failed if ties == "exact" else True
            parts.append(data.covariates[failed][:, None] - data.covariates[below][None])
    gaps = np.vstack([part.reshape(-1, len(data.names)) for part in parts])
    best = linprog(-gaps.sum(axis=0), A_ub=-gaps, b_ub=np.zeros(len(gaps)), bounds=(-1, 1))
    endless = best.fun < -1e-7
    return [n for n, w in zip(data.names, best.x, strict=True) if endless and abs(w) > 1e-7]


def _coefficients(
    data: ModelData, slope: Floats, error: Floats, lower: Floats, upper: Floats, p_value: Floats
) -> pd.DataFrame:
    """Estimates of scaled covariates, per unit of the covariates as they were given."""
    with np.errstate(over="ignore"):
        return pd.DataFrame(
            {
                "covariate": data.names,
                "log_hazard": slope / data.spread,
                "standard_error": error / data.spread,
                "hazard_ratio": np.exp(slope / data.spread),
                "lower": np.exp(lower / data.spread),
                "upper": np.exp(upper / data.spread),
                "p_value": p_value,
            }
        )
