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


def test_a_ladder_goes_straight_from_the_relapse_to_one_cell():
    figure, table = evolution.ladder(LADDER)
    left = figure.axes[0]
    assert left.get_yscale() == "log"
    lines = [line.get_xydata() for line in left.lines if line.get_linestyle() == "-"]
    ends = [line.tolist() for line in lines if line[0, 1] == 1 and len(line) == 2]
    # N 2^(-t/10) = 1 where t = 10 log2 N before the relapse
    born = {"a": 210 - 10 * np.log2(1e12), "b": 400 - 400 / 42 * np.log2(1e12)}
    born["c"] = 1200 - 10 * np.log2(1e12)
    assert table.set_index("patient")["one_cell_day"].to_dict() == pytest.approx(born)
    days = {"a": 210, "b": 400, "c": 1200}
    assert ends == [[[pytest.approx(born[p]), 1], [days[p], 1e12]] for p in "abc"]


def test_one_cell_is_a_named_line_in_both_panels():
    figure, _ = evolution.ladder(LADDER)
    (across,) = [x for x in figure.axes[0].lines if x.get_linestyle() == "--"]
    (up,) = [x for x in figure.axes[1].lines if x.get_linestyle() == "--"]
    assert list(across.get_ydata()) == list(up.get_xdata()) == [1, 1]
    assert "one cell" in [text.get_text() for text in figure.axes[0].texts]


def test_cells_at_diagnosis_are_open_below_one_and_arrows_below_the_floor():
    table = LADDER.assign(cells_diagnosis=[1e12 * 2**-21, 0.5, 1e-24])
    figure, drawn = evolution.ladder(table)
    right = figure.axes[1]
    points = [x for x in right.lines if x.get_marker() == "o"]
    assert [(x.get_xdata()[0], x.get_ydata()[0]) for x in points] == [(1e12 * 2**-21, 0), (0.5, 1)]
    assert [x.get_markerfacecolor() for x in points] == [figures.TIMING["very early"], "white"]
    (arrow,) = [x for x in right.lines if x.get_marker() == "<"]
    assert (arrow.get_xdata()[0], arrow.get_ydata()[0]) == (evolution.FLOOR, 2)
    assert [t.get_text() for t in right.get_yticklabels()] == drawn["patient"].tolist()


def test_intervals_of_cells_at_diagnosis_are_drawn_as_far_as_the_axis_goes():
    figure, _ = evolution.ladder(LADDER.assign(upper=[1e7, np.inf, 1e-9]))
    right = figure.axes[1]
    floor, most = evolution.FLOOR, right.get_xlim()[1]
    ends = [(start[0], end[0]) for start, end in segments(right)]
    assert ends == [(1e3, 1e7), (1e-2, most), (floor, floor)]
    (arrow,) = [x for x in right.lines if x.get_marker() == ">"]
    assert (arrow.get_xdata()[0], arrow.get_ydata()[0]) == (most, 1)


def test_planted_founders_stand_on_the_line_of_one_cell_and_their_days_beside_the_cells():
    figure, table = evolution.ladder(LADDER.assign(founded_day=[-30.0, 25.4, np.nan]))
    (bars,) = [x for x in figure.axes[0].lines if x.get_marker() == "|"]
    assert bars.get_xydata()[:2].tolist() == [[-30, 1], [25.4, 1]]
    words = [text.get_text() for text in figure.axes[1].texts]
    assert words == ["-30", "25", "?", "planted\nfounder, day"]
    assert "founded_day" in table
    assert not evolution.ladder(LADDER)[0].axes[1].texts


def test_patients_without_cells_are_left_out():
    _, table = evolution.ladder(LADDER.assign(cells_diagnosis=[np.nan, 1.0, 2.0]))
    assert table["patient"].tolist() == ["b", "c"]


def test_groups_of_a_ladder_are_named_with_their_number_in_their_colour_without_overlap():
    figure, _ = evolution.ladder(LADDER)
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].texts if "n = " in text.get_text()]
    assert [text.get_text() for text in names] == [f"{g}\nn = 1" for g in figures.TIMING]
    assert [text.get_color() for text in names] == list(figures.TIMING.values())
    boxes = [text.get_window_extent() for text in names]
    assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))


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


def test_planted_and_published_doubling_times_are_black():
    table = DOUBLING.assign(planted=[8.0, 7.0, 6.5, 10.0])
    about = {"population": Estimate(9.2, 8.0, 11.0), "published": 7.4}
    figure, drawn = evolution.doubling_forest(table, **about)
    (ax,) = figure.axes
    (bars,) = [line for line in ax.lines if line.get_marker() == "|"]
    assert bars.get_xdata().tolist() == drawn["planted"].tolist() == [6.5, 7.0, 10.0, 8.0]
    (line,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert list(line.get_xdata()) == [7.4, 7.4]
    assert colour(line) == figures.PUBLISHED
    figure.draw_without_rendering()
    boxes = {t.get_text(): t.get_window_extent() for t in ax.texts if " d" in t.get_text()}
    assert boxes["published 7.4 d"].x1 <= boxes["median 9.2 d"].x0


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
        figures.TIMING["very early"], figures.TIMING["early"], figures.TIMING["early"],
    ]  # fmt: skip
    drawn = np.concatenate([line.get_ydata() for line in lines])
    assert drawn == pytest.approx(100 * table["probability"].to_numpy())
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.texts] == ["used", "a", "b", "c"]  # few: named


def test_prior_sensitivity_of_many_patients_names_their_groups():
    many = [("early", f"e{i}", 0.5) for i in range(evolution.NAMED)] + [("very early", "c", 1.0)]
    figure, _ = evolution.prior_sensitivity(prior(many), parameter="odds")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["very early (n = 1)", f"early (n = {evolution.NAMED})"]


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


def test_bins_with_few_events_are_open_and_small():
    bins = pd.DataFrame({"predicted": [0.1, 0.8], "observed": [0.0, 0.9]})
    bins = bins.assign(lower=0.0, upper=1.0, events=[evolution.TINY - 1, evolution.TINY])
    figure, _ = evolution.reliability_plot(bins)
    few, more = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert (few.get_markerfacecolor(), colour(more)) == ("white", colour(more))
    assert few.get_markersize() < more.get_markersize()
    assert f"under {evolution.TINY}" in figure.axes[0].get_xlabel()
