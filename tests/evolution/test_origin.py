"""The route of each relapse: on data drawn here from the stated law, and on a simulated cohort."""

from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from allrelapse import signatures, simulate
from allrelapse.data import reference
from allrelapse.errors import InputError
from allrelapse.evolution import evidence
from allrelapse.evolution.origin import KINDS, founder_shares, origin, prior_shift
from allrelapse.evolution.routes import PRIORS, ROUTES, Protocol, by_route, grids, joint
from allrelapse.simulate import planted as planted_truth

SIGNATURES = ["SBS1", "SBS2", "SBS5", "SBS13", "SBS18", "SBS37", "SBS44", "SBS86", "SBS87"]


def drawn(patients, seed):
    """Relapses of the three routes with the law of the module, by numpy alone."""
    rng = np.random.default_rng(seed)
    route = rng.choice(3, patients, p=[0.3, 0.5, 0.2])
    before, under, after = (rng.exponential(mean, patients) for mean in (14.5, 60, 250))
    t0 = np.select([route == 0, route == 1], [-before, np.minimum(under, 900)], 910 + after)
    nats = np.log(1e11) + rng.gumbel(0, 1, patients) + rng.normal(0, 0.9, patients)
    doubling = np.array([7.4, 11, 8])[route] * np.exp(
        np.array([0.15, 0.35, 0.25])[route] * rng.normal(size=patients)
    )
    lived = np.clip(t0, 0, 910)
    exposed = Protocol().exposed(lived)
    other = rng.poisson(rng.gamma(6, (60 + 0.5 * lived) / 6))
    prone = rng.random(patients) < 0.6
    therapy = rng.poisson(1 + prone * rng.gamma(2, exposed * 1.2 / 2))
    table = pd.DataFrame(
        {
            "relapse_day": t0 + nats / np.log(2) * doubling,
            "therapy": therapy,
            "other": other,
            "mrd_percent": np.nan,
            "doubling": np.nan,
            "doubling_se": np.nan,
        },
        index=pd.Index([f"P{k}" for k in range(patients)], name="patient"),
    )
    return table, route, t0


@pytest.fixture(scope="module")
def planted():
    table, route, t0 = drawn(100, seed=3)
    return table, route, t0, origin(table)


def test_probabilities_are_as_often_right_as_they_say(planted):
    """Of those told 60 to 80 %, 60 to 80 % are: within 3 binomial errors in every fifth."""
    _, route, _, found = planted
    p = found.before_diagnosis.to_numpy()
    for low in (0, 0.2, 0.4, 0.6, 0.8):
        here = (p >= low) & (p <= low + 0.2)
        if here.sum() >= 10:
            truth, told = (route[here] == 0).mean(), p[here].mean()
            error = np.sqrt(max(told * (1 - told), 0.01) / here.sum())
            assert abs(truth - told) < 3 * error, (low, here.sum(), truth, told)


def test_the_routes_are_told_apart(planted):
    _, route, _, found = planted
    best = found.probability.to_numpy().argmax(axis=1)
    assert (best == route).mean() > 0.85
    base = np.var(route == 0)  # of whoever says the share to everybody
    assert np.mean((found.before_diagnosis - (route == 0)) ** 2) < 0.5 * base
    assert found.probability.mean().to_numpy() == pytest.approx(
        [0.3, 0.5, 0.2], abs=0.1
    )  # 3 binomial errors


def test_the_day_of_the_founder_lies_in_its_interval(planted):
    """90 % intervals, rather short as learned rates count as known; binomial error 3 %."""
    _, _, t0, found = planted
    inside = (found.founded["lower"] <= t0) & (t0 <= found.founded["upper"])
    assert 0.78 < inside.mean() < 0.98


def test_the_days_of_relapse_have_a_density_for_every_route():
    """It integrates to one: to the route's share, a third each, over all days."""
    step, mean = 2.0, {name: about[0] for name, about in PRIORS.items()}
    data = {"relapse_day": np.arange(step / 2, 60_000, step)}
    data["doubling"] = np.full(len(data["relapse_day"]), np.nan)
    setting = Protocol()
    parts = by_route(mean, data, grids(setting), setting, ("timing",))
    np.testing.assert_allclose(step * np.exp(joint(parts)).sum(axis=0), 1 / 3, rtol=5e-3)


def test_the_days_and_measured_doubling_times_have_a_joint_density():
    """It integrates to a third over all days of relapse and all logs of doubling times."""
    step, fine, mean = 25.0, 0.1, {name: about[0] for name, about in PRIORS.items()}
    days, logs = np.arange(step / 2, 20_000, step), np.arange(-1.5, 5.5, fine)
    data = {"relapse_day": np.repeat(days, len(logs)), "doubling": np.tile(np.exp(logs), len(days))}
    data["doubling_se"] = np.full(len(data["doubling"]), 0.1)
    setting = Protocol()
    parts = by_route(mean, data, grids(setting), setting, ("timing", "serial"))
    np.testing.assert_allclose(step * fine * np.exp(joint(parts)).sum(axis=0), 1 / 3, rtol=0.01)


def test_what_is_missing_tells_nothing():
    """Without any evidence every relapse has the same odds."""
    table = drawn(20, seed=1)[0]
    table[["therapy", "other"]] = np.nan
    found = origin(table, use=("mutations", "residual"))
    assert found.probability.nunique().max() == 1
    assert found.probability.iloc[0].to_numpy() == pytest.approx([1 / 3] * 3, abs=1e-3)


@pytest.fixture(scope="module")
def four():
    """Four relapses of day 300 that differ in one thing, among 20 others."""
    table = drawn(24, seed=2)[0].astype(float)
    table.iloc[:4, :3] = [[300, 1, 60], [300, 1, 60], [300, 0, 60], [300, 80, 60]]
    table.iloc[:2, 4:] = [[10.0, 0.03], [5.0, 0.03]]
    return table


def test_evidence_moves_the_verdict_as_it_should(four):
    """Day 300 is 36.5 doublings of 8.2 days; of 10 days they take 65 days more, of 5 far less."""
    p = origin(four).before_diagnosis
    assert p.iloc[0] > 1.2 * p.iloc[2]  # of which nothing was measured
    assert p.iloc[1] < 0.6 * p.iloc[2]
    assert p.iloc[3] < 0.5 * p.iloc[2]  # mutations that only the drug makes


def test_evidence_that_is_not_used_does_not_count(four):
    p = origin(four, use=("timing", "residual")).before_diagnosis
    assert p.iloc[1:4].tolist() == [p.iloc[0]] * 3


def test_prior_odds_shift_posterior_odds_by_as_much(planted):
    """Bayes: posterior odds are prior odds times the Bayes factor."""
    moved = prior_shift(planted[3], [0.0, np.log(3)])
    p = planted[3].before_diagnosis
    np.testing.assert_allclose(moved[0.0], p, atol=1e-12)
    some = (p > 1e-6) & (p < 1 - 1e-6)
    odds = moved[np.log(3)][some] / (1 - moved[np.log(3)][some])
    np.testing.assert_allclose(odds, 3 * p[some] / (1 - p[some]), rtol=1e-6)


@pytest.fixture(scope="module")
def cohort():
    return simulate.cohort(seed=5, patients=40, serial_patients=3, serial_samples=30)


@pytest.fixture(scope="module")
def found(cohort):
    spectra = signatures.gained_spectra(cohort.mutations, cohort.samples)
    patient = cohort.samples.set_index("sample")[["patient", "stage"]].loc[spectra.columns]
    spectra = spectra.loc[:, (patient["stage"] == "relapse").to_numpy()]
    exposures = signatures.refit(spectra, reference.cosmic()[SIGNATURES]).exposures
    exposures = exposures.set_axis(patient["patient"].loc[exposures.index])
    return origin(evidence.gained(cohort.patients, exposures))


def test_the_simulated_cohort_which_has_another_law_is_recovered(cohort, found):
    """Its clones rest, slow down and wake up as the model here does not know."""
    truth = cohort.truth["patients"].set_index("patient")["founded_before_diagnosis"]
    p = found.before_diagnosis
    y = truth.reindex(p.index).astype(float)
    assert np.mean((p - y) ** 2) < 0.6 * y.mean() * (1 - y.mean())
    assert p.mean() == pytest.approx(y.mean(), abs=0.1)


def test_very_early_relapses_come_from_before_diagnosis_and_late_ones_do_not(cohort, found):
    timing = cohort.patients.set_index("patient")["timing"]
    shares = founder_shares(found, timing)
    assert list(shares.columns) == list(ROUTES)
    assert shares.loc["very early", "pre-existing"] > 0.7
    assert shares.loc["early", "acquired"] > 0.5
    assert shares.loc["late", "pre-existing"] < 0.05
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_planted_routes_agree_with_the_planted_day(cohort):
    truth = planted_truth.founders(cohort)
    assert ((truth["route"] == "pre-existing") == (truth["founded_day"] < 0)).all()
    assert (truth["before_diagnosis"] == (truth["founded_day"] < 0)).all()
    assert (truth["founded_day"][truth["route"] == "regrowth"] > 900).all()  # after therapy


@pytest.mark.parametrize("kind", ["standing", "pre-existing"])
def test_who_resisted_at_diagnosis_was_there_before(kind):
    assert planted_truth.ROUTE[kind] == "pre-existing"


def test_reads_of_the_founder_are_of_mutations_that_the_relapse_gained(cohort):
    occurrence = signatures.occurrence(cohort.mutations, cohort.samples)
    reads = evidence.founder_reads(cohort.serial_samples, cohort.serial_variants, occurrence)
    assert set(reads["patient"]) <= set(cohort.serial_samples["patient"])
    first = reads[reads["day"] == 0]
    share = first["t_alt_count"] / first["t_depth"]
    assert len(first)
    assert (share < 1e-3).all()  # wrong bases only, at diagnosis
    last = reads.sort_values("day").groupby("patient").tail(1)
    assert (last["t_alt_count"] / last["t_depth"] > 5e-3).all()


def test_evidence_is_by_patient_and_says_what_is_not_known():
    patients = pd.DataFrame({"patient": ["A", "B", "C"], "relapse_day": [100.0, np.nan, 900.0]})
    exposures = pd.DataFrame({"SBS1": [10.0], "SBS87": [4.0]}, index=["C"])
    table = evidence.gained(patients, exposures)
    assert list(table.index) == ["A", "C"]
    assert table.loc["C", ["therapy", "other"]].tolist() == [4, 10]
    assert table.loc["A", ["therapy", "other", "mrd_percent", "doubling"]].isna().all()
    with pytest.raises(InputError, match="patient C occurs twice"):
        evidence.gained(patients, pd.concat([exposures, exposures]))


GOOD = drawn(3, seed=1)[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"evidence": GOOD.drop(columns="therapy")}, "column therapy is absent"),
        ({"evidence": GOOD.assign(relapse_day=0)}, "patient P0: relapse_day must be above 0"),
        ({"evidence": GOOD.assign(other=-1)}, "patient P0: values must not be below 0"),
        ({"use": ["timings"]}, "timings is no kind of evidence"),
        ({"priors": MappingProxyType({"acquired": (0, 1)})}, "priors: must name"),
    ],
)
def test_bad_evidence_is_refused_by_name(change, told):
    arguments = {"evidence": GOOD, "use": KINDS, "priors": PRIORS} | change
    with pytest.raises(InputError, match=told):
        origin(arguments.pop("evidence"), **arguments)
