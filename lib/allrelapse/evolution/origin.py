"""Where did a relapse come from: a cell that resisted at diagnosis, or one that came to it later?

Three routes, told apart by the day t0 on which the founder of the relapse arose:

pre-existing  before diagnosis, among the growing leukaemia: t0 < 0, ever more likely towards 0
acquired      in two steps, by a mutation in cells that persist under therapy and slowly decline
regrowth      after therapy, when a cell that therapy left alive wakes up

Evidence of a patient: the day of relapse (growth from one cell takes a log-normal time), the
mutations that the relapse has gained (a clock under therapy; those of therapy signatures only
while the drug is given), residual disease (more persisters, more chances to acquire), and the
doubling time of the relapse where serial samples show it. What is common to the patients is
learned from the cohort, by its marginal likelihood under the priors that `PRIORS` states; learned
rates then count as known, which makes intervals of small cohorts too short.

A posterior probability answers "what founded the relapse?". It never says that resistance was
absent at diagnosis: with 1e12 cells and 1e-9 mutations per base pair and division each single
mutation exists many times over (`branching.mean_lasting_lineages`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from allrelapse.errors import InputError
from allrelapse.evolution.convergence import number_interval
from allrelapse.evolution.routes import PRIORS, ROUTES, Floats, Protocol, by_route, grids, joint
from allrelapse.exact import Estimate

COLUMNS = ("relapse_day", "therapy", "other", "mrd_percent", "doubling", "doubling_se")
KINDS = ("timing", "mutations", "residual", "serial")


@dataclass(frozen=True)
class Origin:
    """The routes of a cohort's relapses.

    Attributes
    ----------
    probability : patients x routes, rows sum to 1
    founded : per patient `day`, `lower`, `upper`: median and 90 % interval of t0
    parameters : what the cohort taught, on the scale of `PRIORS`
    log_joint : patients x routes, log of the prior odds times the likelihood of all evidence
    """

    probability: pd.DataFrame
    founded: pd.DataFrame
    parameters: pd.Series = field(repr=False)
    log_joint: pd.DataFrame = field(repr=False)

    @property
    def before_diagnosis(self) -> "pd.Series[float]":
        """P that the founder arose before diagnosis."""
        return self.probability["pre-existing"].rename("before diagnosis")


def origin(
    evidence: pd.DataFrame,
    *,
    protocol: Protocol | None = None,
    use: Sequence[str] = KINDS,
    priors: Mapping[str, tuple[float, float]] = PRIORS,
) -> Origin:
    """Compare the three routes for each relapse of a cohort.

    Parameters
    ----------
    evidence : indexed by patient: `relapse_day` (above 0), `therapy` and `other` (mutations
        gained at relapse with and without a therapy signature), `mrd_percent` (at the end of
        induction, % of cells; a value below the limit counts as the limit), `doubling` (days, of
        the growing relapse) and `doubling_se` (of its log); all but the day may be missing
    protocol : what is known of treatment and growth
    use : which kinds of evidence; without `mutations` the clock is not looked at, and so on
    priors : mean and standard deviation of each parameter

    Raises
    ------
    InputError
        If a column is absent, a value impossible, or a kind of evidence or a prior unknown.

    Source: Iwasa 2006, Genetics 172:2557 (pre-existing); Li 2020, Blood 135:41 (two steps, in
    words); Sentís 2020, Genome Biol 21:284 (back-extrapolation).
    """
    setting = protocol or Protocol()
    checked = _checked(evidence, use, priors)
    data = {str(name): checked[name].to_numpy(float) for name in checked}
    days = grids(setting)
    names = list(priors)
    mean, sd = np.array([priors[name] for name in names]).T

    def loss(x: Floats) -> float:
        parts = by_route(dict(zip(names, x, strict=True)), data, days, setting, use)
        total = logsumexp(joint(parts), axis=1).sum()
        return float(0.5 * np.sum(((x - mean) / sd) ** 2) - total)

    found = minimize(loss, mean, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9})
    learned = dict(zip(names, found.x, strict=True))
    parts = by_route(learned, data, days, setting, use)
    return _labelled(learned, parts, checked.index, days)


def _labelled(
    learned: dict[str, float],
    parts: list[Floats],
    patients: "pd.Index[str]",
    days: list[Floats],
) -> Origin:
    whole = joint(parts)
    table = pd.DataFrame(whole, patients, list(ROUTES))
    probability = np.exp(whole - logsumexp(whole, axis=1, keepdims=True)).clip(0, 1)
    t0, weight = (
        np.concatenate(days),
        np.exp(np.concatenate(parts, axis=1) - logsumexp(whole, axis=1)[:, None]),
    )
    order = np.argsort(t0, kind="stable")
    below = np.cumsum(weight[:, order], axis=1)
    places = [np.argmax(below >= share * below[:, -1:], axis=1) for share in (0.5, 0.05, 0.95)]
    founded = {
        name: t0[order][place]
        for name, place in zip(("day", "lower", "upper"), places, strict=True)
    }
    return Origin(
        pd.DataFrame(probability, patients, list(ROUTES)),
        pd.DataFrame(founded, patients),
        pd.Series(learned, name="value"),
        table,
    )


def _checked(
    evidence: pd.DataFrame, use: Sequence[str], priors: Mapping[str, tuple[float, float]]
) -> pd.DataFrame:
    """The evidence as numbers, with `residual`: log of MRD against the cohort's mean."""
    if strange := set(use) - set(KINDS):
        raise InputError(f"use: {', '.join(sorted(strange))} is no kind of evidence")
    if set(priors) != set(PRIORS):
        raise InputError(f"priors: must name {', '.join(PRIORS)}")
    if absent := [name for name in COLUMNS if name not in evidence]:
        raise InputError(f"evidence: column {', '.join(absent)} is absent; fill it with NaN")
    data = evidence.loc[:, list(COLUMNS)].astype(float)
    if not (data["relapse_day"] > 0).all():
        bad = data.index[~(data["relapse_day"] > 0)][0]
        raise InputError(f"evidence, patient {bad}: relapse_day must be above 0")
    if (data < 0).any(axis=None):
        bad = data.index[(data < 0).any(axis=1)][0]
        raise InputError(f"evidence, patient {bad}: values must not be below 0")
    data[["therapy", "other"]] = data[["therapy", "other"]].round()
    residual = np.log(data["mrd_percent"].where(data["mrd_percent"] > 0))
    return data.assign(residual=(residual - residual.mean()).fillna(0.0))


def founder_shares(founding: Origin, groups: "pd.Series[str]") -> pd.DataFrame:
    """Mean probability of each route by group: the expected share of relapses.

    Parameters
    ----------
    founding : of the cohort
    groups : per patient, such as the timing of the relapse
    """
    return founding.probability.groupby(groups.reindex(founding.probability.index)).mean()


def route_share(chances: "pd.Series[float]") -> Estimate:
    """Share of relapses that came by a route, %, given the probability of each.

    Parameters
    ----------
    chances : of the route, by patient

    Source: `convergence.number_interval` (Poisson-binomial), which counts the rates as known.
    """
    share = float(100 * chances.mean())
    low, high = (100 * end / len(chances) for end in number_interval(chances))
    return Estimate(share, min(low, share), max(high, share))


def prior_shift(founding: Origin, log_odds: Sequence[float]) -> pd.DataFrame:
    """P(before diagnosis) if the prior odds of it were multiplied by exp(log_odds).

    Returns
    -------
    Patients x log_odds: how much a verdict owes to the prior.
    """
    now = founding.probability["pre-existing"].to_numpy()[:, None]
    with np.errstate(divide="ignore"):
        moved = expit(np.log(now) - np.log1p(-now) + np.asarray(log_odds, float))
    return pd.DataFrame(moved, founding.probability.index, list(log_odds))
