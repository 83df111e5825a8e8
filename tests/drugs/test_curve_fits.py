"""Single curves against closed forms, scipy's curve_fit, the F law, and what must not matter."""

import numpy as np
import pandas as pd
import pytest
from drug_plates import DOSES, PLAIN, plate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import f as fisher_f

from allrelapse import drugs
from allrelapse.errors import InputError


def by_curve_fit(table, law, start):
    """Parameters and sum of squares of scipy's fit to treated and untreated wells."""
    dose, seen = table["dose"].to_numpy(), table["viability"].to_numpy()
    found, _ = curve_fit(law, dose, seen, start, xtol=1e-12, ftol=1e-12)
    return found, ((law(dose, *found) - seen) ** 2).sum()


@pytest.mark.parametrize("how", [PLAIN, {}])
def test_without_noise_the_parameters_come_back(how):
    table = plate(ic50=2.7, hill=1.3, bottom=0.08, tops=(1.1, 0.4))
    fit = drugs.fit_curve(table, kind="relative", **how)
    found = [fit.ic50.value, fit.hill, fit.bottom, *fit.tops]
    assert found == pytest.approx([2.7, 1.3, 0.08, 1.1, 0.4], rel=1e-8)
    assert fit.ic50.lower == pytest.approx(2.7, rel=1e-6)
    assert fit.ic50.upper == pytest.approx(2.7, rel=1e-6)
    assert not fit.outlier.any()


def test_the_fit_is_that_of_curve_fit():
    table = plate(noise=0.05)

    def law(dose, top, bottom, ic50, hill):
        return top * (bottom + (1 - bottom) / (1 + (dose / ic50) ** hill))

    (top, bottom, ic50, hill), squares = by_curve_fit(table, law, [1, 0.1, 2, 1])
    fit = drugs.fit_curve(table, kind="relative", **PLAIN)
    found = [*fit.tops, fit.bottom, fit.ic50.value, fit.hill]
    assert found == pytest.approx([top, bottom, ic50, hill], rel=1e-5)
    assert fit.sigma == pytest.approx(np.sqrt(squares / (len(table) - 4)), rel=1e-7)


@pytest.mark.parametrize(("kind", "aim"), [("relative", 0.5), ("absolute", 0.5), ("absolute", 0.7)])
def test_at_the_ends_of_the_interval_the_best_fit_is_as_bad_as_f_allows(kind, aim):
    table = plate(noise=0.06)
    fit = drugs.fit_curve(table, kind=kind, level=0.9, aim=aim, **PLAIN)
    if kind == "absolute":
        assert fit.predict(fit.ic50.value) == pytest.approx(aim)

    def law(dose, top, bottom, hill, given):
        share = ((1 - aim) / (aim - bottom)) ** (1 / hill) if kind == "absolute" else 1.0
        return top * (bottom + (1 - bottom) / (1 + (dose * share / given) ** hill))

    freedom = len(table) - 4
    _, least = by_curve_fit(table, law, [1, 0.1, 1.5, 3])
    for end in fit.ic50.interval:
        start = [1, 0.1, 1.5]
        _, held = by_curve_fit(table, lambda *given, end=end: law(*given, end), start)
        assert (held - least) / (least / freedom) == pytest.approx(
            fisher_f.ppf(0.9, 1, freedom), rel=1e-3
        )


@given(st.floats(-4, 4), st.floats(0.2, 8), st.floats(0, 0.9), st.floats(0.01, 0.99))
def test_the_dose_for_a_viability_gives_that_viability(log_ic50, hill, bottom, share):
    aim = bottom + (1 - bottom) * share
    dose = drugs.dose_for(aim, np.exp(log_ic50), hill, bottom)
    assert drugs.law(dose, np.exp(log_ic50), hill, bottom) == pytest.approx(aim, rel=1e-9)


def test_the_absolute_ic50_halves_untreated_viability_or_is_never_reached():
    middle = drugs.absolute_ic50(3.0, 1.5, 0.2)
    assert drugs.law(middle, 3.0, 1.5, 0.2) == pytest.approx(0.5, rel=1e-12)
    assert drugs.absolute_ic50(3.0, 1.5, 0.0) == pytest.approx(3.0)
    assert np.isinf(drugs.absolute_ic50(3.0, 1.5, [0.5, 0.8])).all()


@settings(max_examples=6, deadline=None)
@given(st.floats(-6, 6), st.floats(-3, 3), st.randoms(use_true_random=False))
def test_units_and_the_order_of_rows_do_not_matter(log_unit, log_height, random):
    table = plate(noise=0.05, tops=(1.0, 0.9), seed=3)
    order = list(table.index)
    random.shuffle(order)
    unit, height = 10.0**log_unit, 10.0**log_height
    other = table.loc[order].assign(dose=lambda t: t["dose"] * unit)
    other["viability"] *= height
    one, two = drugs.fit_curve(table), drugs.fit_curve(other)
    assert np.array(two.ic50) == pytest.approx(unit * np.array(one.ic50), rel=1e-4)
    assert np.array(two.auc) == pytest.approx(np.array(one.auc), rel=1e-4)
    assert sorted(two.tops) == pytest.approx(sorted(height * np.array(one.tops)), rel=1e-4)
    assert two.sigma == pytest.approx(height * one.sigma, rel=1e-4)


def test_wells_that_went_wrong_are_found_and_change_little():
    table = plate(noise=0.04, tops=(1, 1), seed=5)
    wrong = table.copy()
    wrong.loc[[4, 20, 40], "viability"] += [-0.6, 0.5, 0.7]
    fit = drugs.fit_curve(wrong)
    assert list(fit.outlier[fit.outlier].index) == [4, 20, 40]
    assert fit.wells == len(table) - 3
    assert fit.ic50.value == pytest.approx(drugs.fit_curve(table).ic50.value, rel=0.03)
    kept = drugs.fit_curve(wrong, outliers=0.0)
    assert kept.wells == len(table)
    assert not kept.outlier.any()
    assert kept.sigma > 2 * fit.sigma


def test_few_wells_are_left_out_where_none_went_wrong():
    fits = [drugs.fit_curve(plate(noise=0.05, seed=seed)) for seed in range(30)]
    # a false discovery rate of 1 % leaves at least one out of about one in a hundred
    assert sum(fit.outlier.any() for fit in fits) <= 4


def test_scatter_that_goes_with_viability_is_allowed_for():
    table = plate(repeats=12, tops=(1, 1))
    rng = np.random.default_rng(1)
    table["viability"] *= 1 + 0.1 * rng.standard_normal(len(table))
    fit = drugs.fit_curve(table, outliers=0.0)
    at_top = (table["dose"] < 0.3).sum()
    assert fit.sigma == pytest.approx(0.1, rel=4 / np.sqrt(2 * at_top))
    assert drugs.fit_curve(table, **PLAIN).sigma < 0.08  # one scatter for all is a mean


@pytest.mark.parametrize(
    ("curve", "status"),
    [
        ({"ic50": 1e6}, drugs.FLAT),
        ({"ic50": 600.0}, drugs.ABOVE),
        ({"ic50": 0.005, "hill": 3.0}, drugs.BELOW),
        ({"ic50": 3.0, "bottom": 0.7}, drugs.ABOVE),
    ],
)
def test_beyond_the_tested_doses_no_number_is_told(curve, status):
    fit = drugs.fit_curve(plate(noise=0.03, **curve))
    assert fit.status == status
    if status == drugs.BELOW:
        assert tuple(fit.ic50) == (0, 0, pytest.approx(0.1))
    else:
        assert tuple(fit.ic50) == (np.inf, pytest.approx(218.7), np.inf)


def test_a_flat_curve_says_nothing_of_a_middle_and_an_area_of_one():
    fit = drugs.fit_curve(plate(ic50=1e6, noise=0.03, seed=2), kind="relative")
    assert fit.status == drugs.FLAT
    assert np.isnan(fit.ic50.value)
    assert fit.ic50.interval == (0, np.inf)
    assert fit.auc.lower < 1 < fit.auc.upper
    assert fit.auc.upper - fit.auc.lower == pytest.approx(0.03 * 2 * 2.06 * np.sqrt(0.38), rel=0.4)
    assert np.isnan(fit.row()["hill"])


def test_a_partial_effect_has_a_middle_although_it_never_halves():
    fit = drugs.fit_curve(plate(bottom=0.7, noise=0.02, seed=1), kind="relative")
    assert fit.status == drugs.MEASURED
    assert fit.ic50.lower < 3 < fit.ic50.upper


def test_an_interval_that_leaves_the_doses_is_open():
    fit = drugs.fit_curve(plate(ic50=190.0, bottom=0.0, noise=0.08, seed=2))
    assert fit.status == drugs.MEASURED
    assert 50 < fit.ic50.lower < fit.ic50.value
    assert fit.ic50.upper == np.inf


def test_noise_below_zero_is_kept_as_it_is():
    table = plate(bottom=0.0, noise=0.05, repeats=6, tops=(1, 1))
    dead = table["dose"] > 50
    assert (table.loc[dead, "viability"] < 0).any()
    fit = drugs.fit_curve(table, **PLAIN)
    clipped = drugs.fit_curve(table.assign(viability=table["viability"].clip(lower=0)), **PLAIN)
    assert fit.bottom < 0.02
    assert clipped.bottom > fit.bottom + 0.01


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="dose"), "no column dose"),
        (lambda t: t[t["dose"].isin(DOSES[:4])], "3 doses above 0"),
        (lambda t: t.assign(dose=t["dose"].mask(t.index == 7)), "row 7, column dose"),
        (lambda t: t.assign(dose=t["dose"].mask(t.index == 7, -1.0)), "row 7, column dose"),
        (lambda t: t.assign(viability=t["viability"].mask(t.index == 9)), "row 9, column viab"),
        (lambda t: t.assign(viability=t["viability"].mask(t.index == 9, np.inf)), "row 9"),
        (lambda t: t.assign(viability=t["viability"].where(t["dose"] > 0, 0.0)), "no living cells"),
        (lambda t: t.drop_duplicates("dose").head(5), "too few"),
        (lambda t: t.assign(dose=t["dose"].astype(str) + " uM"), "column dose"),
    ],
)
def test_unusable_wells_are_refused_with_place_and_mend(change, words):
    table = plate()
    if "too few" in words:
        table = table.assign(plate=range(len(table)))
    with pytest.raises(InputError, match=words):
        drugs.fit_curve(change(table))


@pytest.mark.parametrize("wrong", [{"kind": "half"}, {"level": 1.0}, {"outliers": 1.5}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(InputError, match="absolute or relative"):
        drugs.fit_curve(plate(), **wrong)


def test_a_table_of_curves_tells_which_could_not_be_fitted():
    good = plate(noise=0.03).assign(line="A", genotype=None, drug="x")
    short = good[good["dose"] < 1].assign(drug="y")
    table, fits = drugs.fit_curves(pd.concat([good, short], ignore_index=True))
    assert list(table["drug"]) == ["x", "y"]
    assert table["status"].iloc[0] == drugs.MEASURED
    assert table["status"].iloc[1].startswith("not fitted: 3 doses")
    assert len(fits) == 1
    with pytest.raises(InputError, match="no column line"):
        drugs.fit_curves(good.drop(columns="line"))


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Coverage of 90 % intervals in 150 curves, within 3 standard errors."""
    truth = float(drugs.absolute_ic50(3.0, 1.5, 0.1))
    held = []
    for seed in range(150):
        fit = drugs.fit_curve(plate(noise=0.06, repeats=2, seed=seed), level=0.9, **PLAIN)
        held.append(fit.ic50.lower <= truth <= fit.ic50.upper)
    assert np.mean(held) == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / 150))
