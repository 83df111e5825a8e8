"""What the figures of survival draw: steps, counts below, ratios beside, and their refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from allrelapse import figures, plots, survival
from allrelapse.errors import InputError

TIME, EVENT = pd.Series([1, 2, 3, 4, 5, 6]), pd.Series([1, 0, 1, 1, 0, 1])
GROUP = pd.Series(list("ababab"))


@pytest.fixture
def ax():
    figures.style()
    figure, ax = plt.subplots(figsize=(4, 3))
    yield ax
    plt.close(figure)


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_a_curve_is_drawn_in_per_cent_and_its_patients_counted_below(ax):
    curves = survival.kaplan_meier(TIME, EVENT, GROUP)
    plots.survival.curves_plot(curves, ax=ax, ticks=[0, 2, 6])
    part = curves[curves["group"] == "a"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 100 * part["survival"])
    assert ax.lines[0].get_drawstyle() == "steps-post"
    # at 0, 2 and 6: of a 3, 2, 0; of b 3, 3, 1
    assert words(ax)[:9] == ["at risk", "a", "3", "2", "0", "b", "3", "3", "1"]
    assert words(ax)[9:] == ["a", "b"]


def test_censored_patients_are_marked_where_they_were_last_seen(ax):
    plots.survival.curves_plot(survival.kaplan_meier(TIME, EVENT), ax=ax, ticks=[0, 6])
    assert list(ax.lines[1].get_xdata()) == [2, 5]
    assert words(ax) == ["at risk", "6", "1"]  # one group needs no name


def test_groups_differ_in_line_and_in_colour(ax):
    curves = survival.kaplan_meier(TIME, EVENT, GROUP)
    plots.survival.curves_plot(curves, ax=ax, ticks=[0, 6], colours={"b": "#123456"})
    first, second = ax.lines[0], ax.lines[2]
    assert first.get_linestyle() != second.get_linestyle()
    assert second.get_color() == "#123456"
    assert first.get_color() != second.get_color()


def test_incidence_begins_at_zero_and_goes_on_to_the_end_of_the_axis(ax):
    cause = pd.Series(["relapse", None, "death", "relapse", None, "death"])
    found = survival.cumulative_incidence(TIME, cause)
    plots.survival.incidence_plot(found, ax=ax, until=5.5, top=80)
    line = ax.lines[0]
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (0, 0)
    assert (line.get_xdata()[-1], line.get_xdata()[-2]) == (5.5, 5)
    relapse = found[(found["cause"] == "relapse") & (found["time"] <= 5.5)]
    assert line.get_ydata()[-1] == pytest.approx(100 * relapse["incidence"].iloc[-1])
    assert ax.get_ylim() == (0, 80)
    assert words(ax) == ["relapse", "death"]


RATIOS = pd.DataFrame(
    {"label": ["x", "y"], "hazard_ratio": [2.0, 0.5], "lower": [1.0, 0.1], "upper": [4.0, np.inf]}
)


def test_ratios_stand_in_numbers_beside_their_intervals(ax):
    plots.survival.ratio_plot(RATIOS, ax=ax)
    assert words(ax) == ["2.00 (1.00 to 4.00)", "0.50 (0.10 to ∞)"]
    assert ax.get_xscale() == "log"
    assert 1 in ax.get_xticks()
    low, high = ax.get_xlim()
    assert low < 0.1
    assert high > 4


def test_drift_shows_residuals_their_course_and_the_model(ax):
    time = np.arange(1.0, 21)
    residuals = pd.DataFrame({"time": time, "log_hazard": 0.1 * time})
    plots.survival.drift_plot(residuals, 1.05, ax=ax, colour="#000000")
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 0.1 * time, atol=1e-6)  # a line stays one
    assert list(ax.lines[2].get_ydata()) == [1.05, 1.05]


def test_tables_that_lack_a_column_or_rows_are_refused(ax):
    curves = survival.kaplan_meier(TIME, EVENT)
    with pytest.raises(InputError, match="curves: no column lower"):
        plots.survival.curves_plot(curves.drop(columns="lower"), ax=ax, ticks=[0, 6])
    with pytest.raises(InputError, match="ratios: no rows"):
        plots.survival.ratio_plot(RATIOS[:0], ax=ax)
    with pytest.raises(InputError, match="incidence: no column cause"):
        plots.survival.incidence_plot(curves, ax=ax, until=5)
    with pytest.raises(InputError, match="residuals: no column log_hazard"):
        plots.survival.drift_plot(curves, 0, ax=ax, colour="#000000")
