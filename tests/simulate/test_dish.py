"""Viability in the dish: planted curves, plates and noise."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from allrelapse.simulate import Settings, dish

CURVE = ["line", "genotype", "drug"]


def viability(seed=1, **changed):
    return dish.viability(Settings().model_copy(update=changed), np.random.default_rng(seed))


def test_every_curve_has_its_doses_plates_and_repeats():
    wells, planted = viability(doses=7, replicates=2, plates=3)
    sizes = wells.groupby(CURVE).size()
    assert len(sizes) == len(planted) == 2 * 7 * 5  # lines, genotypes, drugs
    assert (sizes == 7 * 2 * 3).all()
    keys = [*CURVE, "dose", "replicate", "plate"]
    assert not wells.duplicated(keys).any()
    assert (wells.groupby(CURVE)["dose"].nunique() == 7).all()
    assert (wells.groupby(CURVE)["dose"].min() == 0).all()
    assert set(wells["plate"]) == {1, 2, 3}


@pytest.mark.parametrize("doses", [4, 9, 12])
def test_the_wild_type_ic50_is_a_dose_in_the_middle_with_half_the_height(doses):
    wells, planted = viability(doses=doses, viability_noise=0.0, outliers=0.0, plates=100)
    first = planted[(planted["line"] == "SIM-1") & (planted["genotype"] == "wild type")]
    for row in first.itertuples():
        mine = wells.merge(first[first["drug"] == row.drug][CURVE], on=CURVE)
        at = mine[np.isclose(mine["dose"], row.ic50, rtol=1e-3)]["viability"]
        half = row.floor + (1 - row.floor) / 2
        # plates shift the whole curve by 3 %
        assert at.mean() == pytest.approx(half, abs=4 * 0.03 * half / np.sqrt(100))
        ranks = sorted(set(mine["dose"]))
        place = np.flatnonzero(np.isclose(ranks, row.ic50, rtol=1e-3))[0]
        assert place == (doses - 2) // 2 + 1


def test_fitted_curves_give_back_the_planted_ic50():
    """Four-parameter logistic by scipy, for every curve whose IC50 lies among its doses."""
    wells, planted = viability(viability_noise=0.0, outliers=0.0, plates=30)
    done = 0
    for keys, mine in wells.groupby(CURVE):
        truth = planted.set_index(CURVE).loc[keys]
        given = mine[mine["dose"] > 0]
        if not given["dose"].min() * 4 < truth["ic50"] < given["dose"].max() / 4:
            continue

        def law(log_dose, top, log_ic50, hill):
            return dish.FLOOR + (top - dish.FLOOR) / (1 + np.exp(hill * (log_dose - log_ic50)))

        start = [1.0, np.log(truth["ic50"]), 1.5]
        (top, log_ic50, hill), _ = curve_fit(
            law, np.log(given["dose"]), given["viability"], p0=start
        )
        assert np.exp(log_ic50) == pytest.approx(truth["ic50"], rel=0.02)
        assert hill == pytest.approx(truth["hill"], rel=0.02)
        assert top == pytest.approx(1, abs=4 * 0.03 / np.sqrt(30))
        done += 1
    assert done > 50


def test_msh6_is_planted_as_published():
    """IC50 of 6-thioguanine up 26-fold in one line and 5-fold in the other (FACTS section 2)."""
    _, planted = viability()
    ic50 = planted[planted["drug"] == "6-thioguanine"].set_index(["genotype", "line"])["ic50"]
    fold = ic50["MSH6 knock-down"] / ic50["wild type"]
    assert fold.to_dict() == pytest.approx({"SIM-1": 26, "SIM-2": 5})


def test_a_plate_shifts_all_its_wells_alike():
    wells, planted = viability(viability_noise=0.0, outliers=0.0, plates=3)
    full = wells.merge(planted, on=CURVE)
    mean = full["floor"] + (1 - full["floor"]) / (1 + (full["dose"] / full["ic50"]) ** full["hill"])
    shift = (full["viability"] / mean)[mean > 0.3]
    groups = shift.groupby([full[name] for name in (*CURVE, "plate")])
    assert (groups.max() - groups.min()).max() < 1e-3  # four digits are kept
    plates = groups.mean()
    assert plates.std() == pytest.approx(0.03, rel=4 / np.sqrt(2 * len(plates)))
    assert abs(plates.mean() - 1) < 4 * 0.03 / np.sqrt(len(plates))


def test_noise_and_outliers_are_as_set():
    wells, planted = viability(replicates=40, viability_noise=0.05, outliers=0.0)
    top = wells[wells["dose"] == 0]
    spread = top.groupby([*CURVE, "plate"])["viability"].std()
    assert np.sqrt((spread**2).mean()) == pytest.approx(0.05, rel=4 / np.sqrt(2 * len(top)))
    wild, _ = viability(replicates=40, viability_noise=0.0, outliers=0.1)
    top = wild[wild["dose"] == 0]
    middle = top.groupby([*CURVE, "plate"])["viability"].transform("median")
    wrong = ~np.isclose(top["viability"], middle, atol=1e-9)
    assert abs(wrong.mean() - 0.1) < 4 * np.sqrt(0.09 / len(top))
    assert len(planted) == 70


def test_dead_wells_read_below_zero_as_often_as_their_mean_says():
    """Where noise is cut off at zero, the planted curve is not the mean of the wells."""
    wells, planted = viability(replicates=40, outliers=0.0)
    full = wells.merge(planted, on=CURVE)
    mean = full["floor"] + (1 - full["floor"]) / (1 + (full["dose"] / full["ic50"]) ** full["hill"])
    dead = (full["viability"] - mean)[mean < 0.05]
    assert abs(dead.mean()) < 4 * 0.05 / np.sqrt(len(dead))
    assert (full["viability"] < 0).any()
    assert pd.api.types.is_float_dtype(wells["dose"])


def test_cells_at_time_zero_are_those_that_double_to_the_untreated_ones():
    """So the growth rate of wells that hold as many cells as then is 0, and of untreated ones 1."""
    wells, planted = viability(viability_noise=0.0, outliers=0.0, plates=40)
    by_line = wells.groupby("line")["time_zero"]
    assert dict(planted.groupby("line")["doublings"].first()) == dish.DOUBLINGS
    for line, doublings in dish.DOUBLINGS.items():
        assert -np.log2(by_line.mean()[line]) == pytest.approx(doublings, abs=0.02)
    assert by_line.std().gt(0).all()
    of_plates = wells.groupby([*CURVE, "plate"])["time_zero"]
    assert (of_plates.max() == of_plates.min()).all()
