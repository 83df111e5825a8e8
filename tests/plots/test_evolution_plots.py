"""Numbers of growth and timing are drawn where they are, with intervals, limits and colours."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.exact import Estimate
from allrelapse.plots import evolution

LADDER = pd.DataFrame(
    [
        ("a", "very early", 210.0, 1e12, 1e12 * 2**-21, 1e3, 1e7),
        ("b", "early", 400.0, 1e12, 1e12 * 2**-42, 1e-2, 20.0),
        ("c", "late", 1200.0, 1e12, 1e12 * 2**-120, 1e-40, 1e-9),
    ],
    columns=list(evolution.LADDER),
)
DOUBLING = pd.DataFrame(
    [
        ("a", "late", 9.0, 5.0, 20.0, 12),
        ("b", "very early", 7.0, 5.0, np.inf, 9),
        ("c", "very early", 6.0, 0.0, 8.0, 7),
        ("d", "early", np.inf, 11.0, np.inf, 5),
    ],
    columns=list(evolution.DOUBLING),
)


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def colour(artist):
    return to_hex(artist.get_color()).upper()


def segments(ax):
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    return [[tuple(map(float, end)) for end in part] for c in lines for part in c.get_segments()]


def test_a_ladder_goes_straight_from_the_relapse_to_the_cells_at_diagnosis():
    figure, table = evolution.ladder(LADDER)
    (ax,) = figure.axes
    assert ax.get_yscale() == "log"
    rungs = [
        line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2
    ]
    ends = {tuple(line.get_xydata().ravel()) for line in rungs if colour(line) != "#777777"}
    assert (0, 1e12 * 2**-21, 210, 1e12) in ends
    assert table["patient"].tolist() == ["a", "b", "c"]


def test_below_one_cell_a_ladder_is_dotted_from_the_day_of_one_cell():
    figure, table = evolution.ladder(LADDER)
    # N 2^(-t/10) = 1 where t = 10 log2 N
    born = table.set_index("patient")["one_cell_day"]
    assert born["b"] == pytest.approx(400 - 10 * 400 / 420 * np.log2(1e12))
    assert np.isnan(born["a"])
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert sorted(line.get_xdata()[1] for line in dotted) == pytest.approx(sorted(born[["b", "c"]]))
    assert {line.get_ydata()[1] for line in dotted} == {1}


def test_the_one_cell_line_is_at_one_and_named():
    figure, _ = evolution.ladder(LADDER)
    (ax,) = figure.axes
    (line,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert list(line.get_ydata()) == [1, 1]
    assert "one\ncell" in [text.get_text() for text in ax.texts]


def test_cells_at_diagnosis_are_open_below_one_and_triangles_at_the_floor():
    figure, table = evolution.ladder(LADDER)
    left = [line for line in figure.axes[0].lines if np.ndim(line.get_xdata()) == 1]
    left = [line for line in left if len(line.get_xdata()) == 1 and line.get_xdata()[0] < 0]
    faces = {line.get_ydata()[0]: line.get_markerfacecolor() for line in left}
    assert [line.get_marker() for line in left] == ["o", "o", "v"]
    assert list(faces) == list(table["drawn"])
    assert table["drawn"].iloc[2] == evolution.FLOOR
    assert list(faces.values()) == [figures.TIMING["very early"], "white", "white"]


def test_intervals_of_cells_at_diagnosis_are_drawn_as_far_as_the_axis_goes():
    figure, _ = evolution.ladder(LADDER)
    heights = {(start[1], end[1]) for start, end in segments(figure.axes[0])}
    floor = evolution.FLOOR
    assert heights == {(1e3, 1e7), (1e-2, 20), (floor, floor)}


def test_an_interval_of_cells_without_an_end_is_an_arrow():
    figure, _ = evolution.ladder(LADDER.assign(upper=[1e7, np.inf, 1e-9]))
    (ax,) = figure.axes
    (arrow,) = [line for line in ax.lines if line.get_marker() == "^"]
    assert arrow.get_ydata() == ax.get_ylim()[1]


def test_patients_without_cells_are_left_out():
    _, table = evolution.ladder(LADDER.assign(cells_diagnosis=[np.nan, 1.0, 2.0]))
    assert table["patient"].tolist() == ["c", "b"]


def test_groups_of_a_ladder_are_named_with_their_number_in_their_colour_without_overlap():
    figure, _ = evolution.ladder(LADDER)
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].texts if "n = " in text.get_text()]
    assert [text.get_text() for text in names] == [f"{g}\nn = 1" for g in figures.TIMING]
    assert [text.get_color() for text in names] == list(figures.TIMING.values())
    boxes = [text.get_window_extent() for text in names]
    assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))


def test_days_on_the_axis_of_a_ladder_go_from_diagnosis_to_the_last_relapse():
    figure, _ = evolution.ladder(LADDER.assign(relapse_day=[210, 400, 1310]))
    ticks = figure.axes[0].get_xticks()
    assert min(ticks) == 0
    assert max(ticks) <= 1310


@pytest.mark.parametrize(
    ("table", "words"),
    [(LADDER.drop(columns="upper"), "upper"), (LADDER.assign(relapse_day=0.0), "above 0")],
)
def test_a_ladder_that_cannot_be_drawn_is_refused(table, words):
    with pytest.raises(InputError, match=words):
        evolution.ladder(table)


def test_doubling_times_are_ordered_by_timing_and_then_by_length():
    figure, table = evolution.doubling_forest(DOUBLING)
    assert table["patient"].tolist() == ["c", "b", "d", "a"]
    words = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert words == ["c (7)", "b (9)", "d (5)", "a (12)"]
    points = {
        (line.get_ydata()[0], line.get_xdata()[0]): colour(line)
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
    }
    early, late = figures.TIMING["very early"], figures.TIMING["late"]
    assert points == {(0, 6): early, (1, 7): early, (3, 9): late}


def test_intervals_without_an_end_are_arrows():
    figure, _ = evolution.doubling_forest(DOUBLING)
    found = {
        (line.get_ydata(), line.get_marker())
        if np.isscalar(line.get_ydata())
        else (line.get_ydata()[0], line.get_marker())
        for line in figure.axes[0].lines
    }
    assert {pair for pair in found if pair[1] in "<>"} == {(0, "<"), (1, ">"), (2, ">")}


def test_the_median_of_all_is_a_band_with_its_interval():
    figure, _ = evolution.doubling_forest(DOUBLING, population=Estimate(7.4, 6.0, 9.0))
    (band,) = figure.axes[0].patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((6, 9))
    assert "median 7.4 d" in [text.get_text() for text in figure.axes[0].texts]


def prior(patients):
    rows = [
        (group, name, weight, min(weight * chance, 1))
        for group, name, chance in patients
        for weight in (0.01, 0.1, 1.0)
    ]
    return pd.DataFrame(rows, columns=["timing", "patient", "prior", "probability"])


PRIOR = prior([("early", "a", 0.5), ("early", "b", 0.6), ("very early", "c", 1.0)])


def test_prior_sensitivity_has_a_line_per_patient_in_the_colour_of_the_group():
    figure, table = evolution.prior_sensitivity(PRIOR, parameter="odds", used=0.1)
    (ax,) = figure.axes
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert [colour(line) for line in lines] == [
        figures.TIMING["early"], figures.TIMING["early"], figures.TIMING["very early"],
    ]  # fmt: skip
    drawn = np.concatenate([line.get_ydata() for line in lines])
    assert drawn == pytest.approx(100 * table["probability"].to_numpy())
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.texts] == ["used", "early (n = 2)", "very early (n = 1)"]


def test_prior_sensitivity_by_group_has_its_interval():
    table = PRIOR[PRIOR["patient"] == "a"].drop(columns="patient")
    table = table.assign(lower=0.0, upper=table["probability"] * 2)
    figure, _ = evolution.prior_sensitivity(table, parameter="odds")
    (band,) = figure.axes[0].collections
    assert band.get_datalim(figure.axes[0].transData).y1 == pytest.approx(100)


def test_what_is_no_probability_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        evolution.prior_sensitivity(PRIOR.assign(probability=2.0), parameter="odds")


def test_reliability_has_exact_intervals_and_numbers_beside_the_points():
    bins = pd.DataFrame(
        {"predicted": [0.1, 0.8], "observed": [0.0, 0.9], "lower": [0.0, 0.7], "upper": [0.2, 1.0]}
    ).assign(events=[20, 1234])
    figure, table = evolution.reliability_plot(bins, happened="before diagnosis")
    (ax,) = figure.axes
    assert segments(ax) == [
        [pytest.approx((10, 0)), pytest.approx((10, 20))],
        [pytest.approx((80, 70)), pytest.approx((80, 100))],
    ]
    assert [(text.get_text(), text.xy) for text in ax.texts] == [
        ("20", pytest.approx((10, 20))), ("1,234", pytest.approx((80, 100))),
    ]  # fmt: skip
    points = [line.get_xydata() for line in ax.lines if line.get_marker() == "o"]
    assert np.vstack(points) == pytest.approx(100 * table[["predicted", "observed"]].to_numpy())
