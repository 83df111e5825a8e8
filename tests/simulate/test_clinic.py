"""Who falls ill and what follows a relapse, against settings, lifelines and closed forms."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from scipy.stats import binom, chisquare

from allrelapse.data.published import TIMING
from allrelapse.simulate import Settings, clinic

SETTINGS = Settings()
FIVE = 5 * 365.25
Z = 4


def outcomes(timing, features, number, seed, **changed):
    rng, settings = np.random.default_rng(seed), SETTINGS.model_copy(update=changed)
    return pd.DataFrame(
        [vars(clinic.outcome(timing, features, settings, rng)) for _ in range(number)]
    )


@pytest.mark.parametrize(
    ("timing", "survival"), list(zip(TIMING, (0.258, 0.495, 0.664), strict=True))
)
def test_five_year_survival_without_features_is_that_of_the_timing_group(timing, survival):
    """Rheingold 2024 (FACTS section 2): 25.8, 49.5, 66.4 %; both planted and as it is seen."""
    found = outcomes(timing, set(), 6000, 1)
    planted = (found["death"] > FIVE).sum()
    assert binom.cdf(planted, 6000, survival) > 1e-5
    assert binom.sf(planted - 1, 6000, survival) > 1e-5
    curve = KaplanMeierFitter().fit(found["follow_up"], found["dead"])
    logs = np.log(-np.log(curve.confidence_interval_survival_function_.loc[:FIVE].iloc[-1]))
    error = abs(logs.iloc[0] - logs.iloc[1]) / 2 / 1.96  # of log(-log S)
    assert abs(np.log(-np.log(curve.predict(FIVE))) - np.log(-np.log(survival))) < Z * error


def test_deaths_follow_the_weibull_law():
    found = outcomes("early", set(), 6000, 2)
    for years in (0.5, 1, 2, 10):
        expected = 0.495 ** ((years / 5) ** SETTINGS.survival_shape)
        alive = (found["death"] > years * 365.25).mean()
        assert abs(alive - expected) < Z * np.sqrt(expected * (1 - expected) / 6000)


def test_planted_hazard_ratios_are_recovered_by_cox():
    """A Cox model of lifelines, stratified by timing, on 5,400 outcomes with random features."""
    rng = np.random.default_rng(3)
    names = list(SETTINGS.hazard_ratios)
    rows = []
    for k in range(5400):
        has = rng.random(len(names)) < 0.4
        features = {name for name, one in zip(names, has, strict=True) if one} | {"FPGS"}
        after = clinic.outcome(TIMING[k % 3], features, SETTINGS, rng)
        rows.append((after.follow_up, after.dead, k % 3, *has.astype(float)))
    table = pd.DataFrame(rows, columns=["days", "dead", "timing", *names])
    table["days"] += rng.random(len(table)) - 0.5  # ties of whole days would bias a little
    table["days"] = table["days"].clip(lower=0.1)
    fit = CoxPHFitter().fit(table, "days", "dead", strata="timing").summary
    planted = {"NT5C2": 1.89, "TP53": 2.36, "T lineage": 1.6}  # Barz 2020, Irving 2016, assumed
    for name, ratio in planted.items():
        assert abs(fit.loc[name, "coef"] - np.log(ratio)) < Z * fit.loc[name, "se(coef)"]


def test_the_log_hazard_is_the_sum_over_the_features_that_have_a_ratio():
    found = outcomes("late", {"NT5C2", "T lineage", "CREBBP"}, 3, 4)
    assert found["log_hazard"].to_numpy() == pytest.approx(np.log(1.89) + np.log(1.6))


def test_the_dead_are_those_whose_death_follow_up_reaches():
    found = outcomes("early", set(), 4000, 5)
    assert (found["follow_up"] <= np.maximum(found["death"].round(), 1)).all()
    dead = found[found["dead"]]
    assert (dead["follow_up"] == np.maximum(dead["death"].round(), 1)).all()
    alive = found[~found["dead"]]
    assert (alive["follow_up"] < alive["death"] + 0.5).all()
    assert alive["follow_up"].between(365, 3650).all()
    assert (found["follow_up"] >= 1).all()


def test_second_relapses_come_before_death_and_while_the_patient_is_seen():
    found = outcomes("very early", set(), 4000, 6)
    again = found.dropna(subset="second_relapse")
    assert (again["second_relapse"] <= again["follow_up"]).all()
    assert (again["second_relapse"] <= again["death"].round().clip(lower=1)).all()
    assert (again["second_relapse"] >= 1).all()
    dead = found[found["dead"]]
    share = dead["second_relapse"].notna().mean()  # three quarters of deaths follow one
    assert abs(share - 0.75) < Z * np.sqrt(0.75 * 0.25 / len(dead))


def test_transplants_come_before_the_second_relapse_and_death_as_often_as_meant():
    found = outcomes("late", set(), 4000, 7, survival_5y=(0.99, 0.99, 0.99))
    done = found["transplant"].notna()
    later = found.fillna({"second_relapse": np.inf})
    assert (later["transplant"] <= later["second_relapse"])[done].all()
    assert (found["transplant"] <= found["follow_up"])[done].all()
    # nearly all live on for a year: of the half that is meant for it nearly all have it
    assert abs(done.mean() - 0.5) < Z * np.sqrt(0.25 / 4000) + 0.02
    mean = found["transplant"].mean()
    assert mean == pytest.approx(150, rel=Z * 0.5 / np.sqrt(2000) + 0.02)


def test_nobody_is_transplanted_where_nobody_is_meant_for_it():
    assert outcomes("late", set(), 500, 8, transplant=0.0)["transplant"].isna().all()


def test_patients_are_who_the_settings_say():
    rng, n = np.random.default_rng(9), 6000
    people = pd.DataFrame([vars(clinic.person(SETTINGS, rng)) for _ in range(n)])
    for share, expected in (
        (people["male"].mean(), 0.592),
        ((people["lineage"] == "T").mean(), 0.12),
    ):
        assert abs(share - expected) < Z * np.sqrt(expected * (1 - expected) / n)
    b = people[people["lineage"] == "B"]
    weights = pd.Series(clinic.SUBTYPES["B"])
    seen = b["subtype"].value_counts().reindex(weights.index, fill_value=0)
    assert chisquare(seen, weights / weights.sum() * len(b)).pvalue > 1e-4
    assert (people.loc[people["lineage"] == "T", "subtype"] == "T-ALL").all()
    assert people["age"].between(1, 18).all()
    assert people["wbc"].between(0.5, 1000).all()
    for lineage, median in (("B", np.exp(1.6)), ("T", np.exp(2.2))):
        ages = np.log(people.loc[people["lineage"] == lineage, "age"])
        error = 1.2533 * 0.6 / np.sqrt(len(ages))
        assert abs(ages.median() - np.log(median)) < Z * error + 0.01  # ages have one decimal
