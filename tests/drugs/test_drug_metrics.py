"""Areas against quadrature, growth rates against the formula of Hafner 2016 worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from allrelapse import drugs
from allrelapse.errors import InputError


@given(st.floats(-9, 9), st.floats(0.1, 10), st.floats(0, 1))
def test_the_area_is_the_mean_of_the_curve_over_log_doses(log_ic50, hill, bottom):
    low, high, ic50 = 0.02, 50.0, np.exp(log_ic50)

    def height(log_dose):
        return drugs.law(np.exp(log_dose), ic50, hill, bottom)

    inside = [log_ic50] if np.log(low) < log_ic50 < np.log(high) else None
    whole, _ = quad(height, np.log(low), np.log(high), points=inside, epsabs=1e-12)
    found = drugs.area(ic50, hill, bottom, lowest=low, highest=high)
    assert found == pytest.approx(whole / np.log(high / low), abs=1e-8)


def test_the_area_of_no_effect_is_one_and_of_a_sure_kill_none():
    doses = {"lowest": 0.1, "highest": 10}
    assert drugs.area(1e9, 2, 0, **doses) == pytest.approx(1)
    assert drugs.area(1e-9, 2, 0, **doses) == pytest.approx(0, abs=1e-12)
    assert drugs.area(1.0, 3, 0, **doses) == pytest.approx(0.5)  # the middle of the doses
    with pytest.raises(InputError, match="increase"):
        drugs.area(1, 1, 0, lowest=0, highest=10)


@pytest.mark.parametrize(
    ("count", "gr"),
    [
        (800, 1.0),  # as untreated
        (100, 0.0),  # as many as there were
        (0, -1.0),  # all dead
        (200, 2 ** (1 / 3) - 1),  # one doubling of three
        (400, 2 ** (2 / 3) - 1),
        (50, 2 ** (-1 / 3) - 1),  # half of them died
    ],
)
def test_growth_rates_are_hafners(count, gr):
    assert drugs.gr_values(count, control=800, start=100) == pytest.approx(gr, rel=1e-12)


@pytest.mark.parametrize(("gr", "doublings"), [(0.5, 1), (0.5, 4), (0.0, 3), (-0.5, 2), (1.0, 5)])
def test_a_growth_rate_is_that_of_the_viability_that_belongs_to_it(gr, doublings):
    share = drugs.viability_at_gr(gr, doublings)
    assert drugs.gr_values(share, control=1, start=0.5**doublings) == pytest.approx(gr)


def test_the_same_slowing_gives_the_same_gr_however_fast_cells_divide():
    """Cells that divide half as often under the drug: GR = sqrt(2) - 1, viability differs."""
    doublings = np.array([1.0, 2.0, 4.0])
    treated, control = 2 ** (doublings / 2), 2**doublings
    assert drugs.gr_values(treated, control, 1.0) == pytest.approx([np.sqrt(2) - 1] * 3)
    assert len(set(treated / control)) == 3


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((10, 100, 100), "without growth"),
        ((10, 100, 0), "more than 0"),
        ((10, 100, np.nan), "time zero"),
        ((-1, 100, 10), "0 or more"),
        ((np.nan, 100, 10), "none missing"),
    ],
)
def test_without_growth_or_counts_there_is_no_gr(counts, words):
    with pytest.raises(InputError, match=words):
        drugs.gr_values(*counts)


def test_the_gr50_of_a_curve_of_growth_rates_is_hafners():
    """GR falls to -0.6, so that the dose of GR = 1/2 lies before the middle of the curve."""
    dose = np.r_[0, 0.1 * 2.0 ** np.arange(10)]
    gec50, hill, low = 4.0, 2.0, -0.6
    gr = low + (1 - low) / (1 + (dose / gec50) ** hill)
    fit = drugs.fit_curve(pd.DataFrame({"dose": dose, "viability": gr}), lowest=-1.0)
    gr50 = gec50 * ((1 - low) / (0.5 - low) - 1) ** (1 / hill)  # Hafner 2016, methods
    assert fit.ic50.value == pytest.approx(gr50, rel=1e-8)
    assert fit.bottom == pytest.approx(low, rel=1e-8)
