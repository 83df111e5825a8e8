"""How relapses arose and grow: convergence, routes, doubling times."""

import math

import pandas as pd

from allrelapse import signatures
from allrelapse.data import reference
from allrelapse.evolution import convergence, evidence, origin, sentis
from allrelapse.evolution.doubling import Doubling, doubling_time
from allrelapse.evolution.profiles import Shape
from allrelapse.evolution.routes import PRIORS
from allrelapse.exact import Estimate
from allrelapse.multiverse.given import Evidence, Given, mutations_seen, with_timing
from allrelapse.simulate import planted

OF_SENTIS = "Sentís 2020, adult T-cell relapses"
FEWEST = 10  # relapses from which routes are learned (notebook 08)


def _judged(
    given: Given, reads: int, most: int, error: float, tolerance: float
) -> "pd.Series[float]":
    """P of convergence of each relapse with several hits (notebook 07)."""
    hits = convergence.several_hits(given.once(mutations_seen, reads))
    sexes = given.patients.set_index("patient").get("sex", pd.Series(dtype=object))
    table = convergence.judged(
        hits,
        given.mutations,
        given.samples,
        sexes,
        most=most,
        error=error,
        tolerance=tolerance,
        seed=1,
    )
    table = table[table["gene"] == convergence.ANY].dropna(subset=["p_convergent"])
    return table.set_index("patient")["p_convergent"]


def convergent_relapses(
    given: Given,
    *,
    reads: int = 3,
    most: int = 7,
    error: float = 0.00033,
    tolerance: float = 0.05,
    call: float = 0.5,
) -> list[Evidence]:
    """Relapses in which resistance arose on two branches.

    reads : with a variant, from which it counts as seen
    most : clones, up to which numbers are tried
    error : share of reads with one given wrong base
    tolerance : excess over the sum rule of trees that is allowed, share of the cells
    call : probability above which a relapse is called convergent
    """
    if not given.has_pairs:
        return []
    p = given.once(_judged, reads, most, error, tolerance)
    if p.empty:
        return []
    called = float((p > call).sum())
    low, high = convergence.number_interval(p)
    made = given.truth("patients")
    truth = None if made is None else made["convergent"].sum()
    estimate = Estimate(called, min(low, called), max(high, called))
    return [given.evidence("convergent", estimate, len(given.patients), truth)]


def _pace(given: Given, error: float, precision: float, shape: Shape) -> Doubling | None:
    """Doubling times from serial samples (notebook 08)."""
    series, panel = given.people.serial_samples, given.people.serial_variants
    if series is None or panel is None or not given.has_pairs:
        return None
    reads = evidence.founder_reads(series, panel, given.once(mutations_seen))
    if not len(reads):
        return None
    return doubling_time(reads, error=error, precision=precision, shape=shape)


def relapse_doubling(
    given: Given,
    *,
    error: float = 3.3e-5,
    precision: float = 2e4,
    shape: str = "exponential",
) -> list[Evidence]:
    """Doubling time of relapse clones from serial samples, median over patients, days.

    error : share of serial reads with one given wrong base
    precision : of the beta-binomial law of reads
    shape : of growth, `exponential` or `logistic`
    """
    pace = given.once(_pace, error, precision, shape)
    if pace is None:
        return []
    truth = None
    if given.people.truth is not None:
        made = planted.founders(given.people)["doubling_days"]
        truth = made.reindex(pace.patients.index).median()
    estimate = Estimate(pace.median, *pace.interval)
    return [given.evidence("doubling_time", estimate, len(pace.patients), truth)]


def adult_doubling(
    *, limit: float = 0.001, noise: float = 0.25, model: str = "each"
) -> list[Evidence]:
    """Doubling time of relapses of adults from blasts in remission and at relapse, days.

    limit : per cent of blasts; those at it or below count as below it
    noise : standard deviation of the log of a measurement; for `each` only
    model : `each` patient has a doubling time of its own (median), or `one` is common to all
    """
    own = sentis.doubling_by_patient(limit, noise=noise)
    value, ends = own.median, own.interval
    if model == "one":
        common = sentis.censored_growth(limit)
        value, ends = common.doubling_days, common.interval
    return [Evidence("doubling_time", "replicated", value, ends, len(own.patients), OF_SENTIS)]


def _routes(given: Given, doubling: float, odds: float, serial: bool) -> origin.Origin | None:
    """By which route each relapse came (notebook 08)."""
    spectra = signatures.gained_spectra(given.mutations, given.samples)
    sampled = given.samples.set_index("sample").loc[spectra.columns]
    relapse = (sampled["stage"] == "relapse").to_numpy()
    catalogue = reference.cosmic()
    menu = catalogue[reference.named(catalogue, reference.LEUKAEMIA)]
    exposures = signatures.refit(spectra.loc[:, relapse], menu).exposures
    exposures = exposures.set_axis(sampled.loc[exposures.index, "patient"])
    pace = given.once(_pace, 3.3e-5, 2e4, "exponential") if serial else None
    known = evidence.gained(given.patients, exposures, pace.patients if pace else None)
    if len(known) < FEWEST:
        return None
    priors = dict(PRIORS)
    if doubling != 7.4:
        priors["doubling"] = (math.log(doubling), PRIORS["doubling"][1])
    priors["acquired"] = (PRIORS["acquired"][0] + math.log(odds), PRIORS["acquired"][1])
    return origin.origin(known, priors=priors)


def routes(
    given: Given,
    *,
    doubling: float = 7.4,
    odds: float = 1.0,
    serial: bool = True,
    first_cut: float = 9.0,
    last_cut: float = 36.0,
) -> list[Evidence]:
    """Very early relapses that were founded before diagnosis, early ones that came in two steps.

    doubling : days, median that is expected beforehand of relapses under therapy
    odds : prior odds of the acquired route against the pre-existing one, at average MRD
    serial : whether doubling times from serial samples count as evidence
    first_cut, last_cut : months, of the early relapses
    """
    if not given.has_pairs or given.people.truth is None:
        return []
    found = given.once(_routes, doubling, odds, serial)
    if found is None:
        return []
    groups = with_timing(given.patients, first_cut, last_cut).set_index("patient")["timing"]
    groups = groups.reindex(found.probability.index)
    made = planted.founders(given.people)["route"].reindex(groups.index)
    told = []
    for claim, group, route in (
        ("preexisting_resistance", "very early", "pre-existing"),
        ("two_step", "early", "acquired"),
    ):
        p = found.probability.loc[groups == group, route]
        if len(p):
            share = origin.route_share(p)
            truth = 100 * (made[groups == group] == route).mean()
            told.append(given.evidence(claim, share, len(p), truth))
    return told
