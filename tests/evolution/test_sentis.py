"""Sentis 2020 from its own files, against the numbers in them and in FACTS section 4."""

import numpy as np
import pandas as pd
import pytest
from lifelines import LogNormalAFTFitter
from scipy.special import logit

from allrelapse.data import sentis as tables
from allrelapse.errors import InputError
from allrelapse.evolution import sentis

pytestmark = pytest.mark.usefixtures("mirror")


def test_114_published_numbers_come_from_whole_days_and_tenths_of_per_cent():
    found = sentis.back_extrapolated()
    assert found.published.shape == (19, 6)
    assert found.deviation < 1e-6
    assert found.patients.loc["PAT1"].tolist() == [210, 78.0]
    assert found.patients["blast_percent"].between(0.1, 100).all()


def test_patients_with_more_than_one_cell_at_diagnosis_are_as_published():
    counts = sentis.back_extrapolated().more_than_one
    # by the paper's own doubling time and its bounds, then by that of Li 2020
    assert counts[["own_mean", "own_lower", "own_upper"]].tolist() == [15, 14, 16]
    assert counts["li_mean"] == 11


def test_days_found_again_are_those_of_another_table_of_the_paper():
    found = sentis.back_extrapolated().patients["days"]
    other = tables.signature_counts()["days_to_relapse"]
    assert len(other) == 17
    assert found[other.index].equals(other.rename("days"))


def test_blasts_found_again_are_those_from_which_growth_was_fitted():
    blasts = tables.relapse_blasts()
    relapse = blasts[blasts["day"] > 0].set_index("patient")["blast_percent"]
    found = sentis.back_extrapolated().patients["blast_percent"][relapse.index]
    assert found.to_numpy() == pytest.approx(relapse.to_numpy(), abs=0.05)


def test_another_burden_does_not_give_the_published_cells():
    for burden in (7.4e11, 3.75e11):
        with pytest.raises(InputError, match="burden is"):
            sentis.back_extrapolated(burden)


def test_the_shared_curve_is_the_best_of_the_published_search():
    fits = tables.growth_fits()
    best = fits.loc[fits["loss"].idxmin()]
    ours = sentis.shared_growth()
    assert ours.loss == pytest.approx(8.268004864596, abs=1e-11)
    assert ours.loss <= best["loss"] + 1e-12
    assert ours.rate == pytest.approx(best["rate"], abs=1e-6)
    assert ours.rate == pytest.approx(6.744869674590, abs=1e-6)
    assert ours.doubling_days == pytest.approx(10.277, abs=5e-4)
    shifts = best[ours.shifts.index].to_numpy(float)
    assert ours.shifts.to_numpy() == pytest.approx(shifts, abs=1e-3)


def test_the_floor_decides_the_doubling_time():
    # FACTS section 4
    found = sentis.floors((0.01, 1e-3, 1e-4, 0.0))
    assert found["doubling_days"].to_numpy() == pytest.approx([10.277, 6.67, 6.19, 6.14], abs=5e-3)
    assert found["floored"].iloc[-1] == 0
    assert found["floored"].is_monotonic_decreasing


def test_censored_growth_is_lifelines_regression_of_the_exponential_of_the_rise():
    limit = 0.001
    table = tables.relapse_blasts().set_index("patient")
    share = table["blast_percent"].clip(lower=limit) / 100
    remission, relapse = share[table["day"] == 0], share[table["day"] > 0]
    rows = pd.DataFrame(
        {
            "rise": np.exp(logit(relapse) - logit(remission)),
            "days": table.loc[table["day"] > 0, "day"],
            "seen": remission > limit / 100,
        }
    )
    fit = LogNormalAFTFitter(fit_intercept=False)
    fit.fit(rows, "rise", "seen", ancillary=False, formula="days - 1")
    found = sentis.censored_growth(limit)
    slope = fit.params_.loc[("mu_", "days")]
    assert found.doubling_days == pytest.approx(np.log(2) / slope, rel=1e-4)
    assert found.spread == pytest.approx(np.exp(fit.params_.loc["sigma_"].iloc[0]), rel=1e-3)
    assert found.censored == 6


def test_doubling_times_differ_between_patients_far_more_than_measurements_do():
    found = sentis.doubling_by_patient()
    assert len(found.patients) == 15
    # PAT2 rose from 1.5 to 93.5 % in 30 days: logit 6.85 at .228 a day
    assert found.patients.loc["PAT2", "doubling_days"] == pytest.approx(3.04, rel=0.05)
    censored = found.patients.loc[["PAT14", "PAT16"]]
    assert (censored["lower"] == 0).all()
    assert found.spread > 0.3


def test_a_limit_or_floor_out_of_range_is_refused():
    with pytest.raises(InputError, match="floor is 1"):
        sentis.shared_growth(1.0)
    with pytest.raises(InputError, match="limit is 0"):
        sentis.censored_growth(0)
    with pytest.raises(InputError, match="PAT13 had no more"):
        sentis.doubling_by_patient(5.0)
    with pytest.raises(InputError, match="in remission: 1, and 3"):
        sentis.censored_growth(1.0)


def test_every_kept_fit_of_the_search_is_read():
    fits = tables.growth_fits()
    assert fits.shape[1] == 2 + 15
    assert np.isinf(fits["loss"]).sum() == 1
    assert fits.iloc[0]["loss"] == 20.524691479773892
    # the first fit's last two shifts, of PAT7 and PAT8
    assert fits.iloc[0][["PAT7", "PAT8"]].tolist() == [-78.5451273, -172.7210784]


def test_the_bounds_of_the_doubling_time_are_read_as_published():
    assert tables.doubling_times().to_dict() == {"mean": 10.79, "lower": 10.1, "upper": 11.36}
