"""Words do not overlap, and therapy stands where its days are."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots import drawing

PHASES = pd.DataFrame(
    [("induction", 0, 36), ("consolidation", 36, 134), ("maintenance", 134, 910)],
    columns=["name", "start", "end"],
)


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def axes(width=figures.COLUMN, right=1000.0):
    figure, ax = plt.subplots(figsize=(width, 2))
    ax.set(xlim=(0, right), ylim=(0, 1))
    return figure, ax


def boxes(ax):
    ax.figure.draw_without_rendering()
    return {text.get_text(): Text.get_window_extent(text) for text in ax.texts}


def overlapping(found):
    pairs = combinations(found.items(), 2)
    return [(a, b) for (a, one), (b, other) in pairs if one.overlaps(other)]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(1, 10))
def test_things_are_moved_apart_within_the_room_and_keep_their_order(targets, size):
    places = drawing.apart(targets, size, 0, 100)
    order = np.argsort(targets, kind="stable")
    assert (np.diff(places[order]) >= size - 1e-9).all()
    assert places.min() >= size / 2 - 1e-9
    assert places.max() <= 100 - size / 2 + 1e-9


def test_things_that_are_apart_stay_where_they_are():
    assert drawing.apart([70, 10, 40], [20, 10, 15], 0, 100) == pytest.approx([70, 10, 40])


def test_two_that_touch_give_way_alike():
    assert drawing.apart([50, 52], 10, 0, 100) == pytest.approx([46, 56])


def test_without_room_things_share_what_there_is():
    assert drawing.apart([0, 0], 100, 0, 20) == pytest.approx([5, 15])


def test_labels_at_the_right_do_not_overlap_and_point_at_their_data():
    _, ax = axes()
    drawing.label_right(["a", "b", "c"], [1000] * 3, [0.5, 0.51, 0.9], ["black"] * 3, ax=ax)
    found = boxes(ax)
    assert not overlapping(found)
    assert min(box.x0 for box in found.values()) >= ax.get_window_extent().x1
    assert [text.xy for text in ax.texts] == [(1000, 0.5), (1000, 0.51), (1000, 0.9)]


def test_a_bar_of_therapy_spans_its_days_and_what_is_off_the_axis_is_left_out():
    _, ax = axes(right=100)
    drawing.phase_band(PHASES, ax=ax)
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 36], [36, 100]]
    assert {text.get_text() for text in ax.texts} == {"induction", "consolidation"}


def test_therapy_on_an_axis_of_years_is_in_years():
    _, ax = axes(right=3)
    drawing.phase_band(PHASES, ax=ax, days_per_unit=365.25)
    assert ax.lines[-1].get_xdata()[1] == pytest.approx(910 / 365.25)


@pytest.mark.parametrize("right", [150.0, 1000.0, 3000.0])
def test_names_of_phases_do_not_overlap(right):
    _, ax = axes(right=right)
    drawing.phase_band(PHASES, ax=ax)
    assert not overlapping(boxes(ax))


def test_names_with_room_stand_in_their_bar_and_others_above_it():
    _, ax = axes()
    drawing.phase_band(PHASES, ax=ax)
    found = boxes(ax)
    assert found["maintenance"].y1 < found["induction"].y0 + 2
    assert drawing.phase_band(PHASES.iloc[2:], ax=ax) < drawing.phase_band(PHASES, ax=ax)


def test_therapy_stands_above_the_axes_or_within_their_foot():
    for under in (False, True):
        figure, ax = axes()
        drawing.phase_band(PHASES, ax=ax, under=under)
        figure.draw_without_rendering()
        inside = ax.get_window_extent()
        for box in (line.get_window_extent() for line in ax.lines):
            assert (inside.y0 <= box.y0 and box.y1 <= inside.y1) == under


def test_legends_of_several_axes_stand_below_their_own():
    figure, axes = plt.subplots(1, 2, figsize=(figures.PAGE, 2))
    for ax in axes:
        ax.plot([0, 1], label="line")
        ax.set_xlabel("days")
        drawing.legend_below(ax, alone=False)
    figure.draw_without_rendering()
    for ax in axes:
        legend = ax.get_legend().get_window_extent()
        assert legend.y1 <= ax.xaxis.label.get_window_extent().y0 + 1
        assert ax.get_window_extent().x0 <= legend.x0
        assert legend.x1 <= ax.get_window_extent().x1
        assert legend.y0 >= 0


def test_the_legend_of_axes_that_are_alone_is_the_figures():
    figure, ax = axes()
    ax.plot([0, 1], label="line")
    drawing.legend_below(ax, alone=True)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["line"]


def test_columns_that_are_needed_are_named_in_the_error():
    with pytest.raises(InputError, match="phases: no column end"):
        drawing.needed(PHASES[["name", "start"]], ("name", "start", "end"), "phases")
    with pytest.raises(InputError, match="no rows"):
        drawing.needed(PHASES.iloc[:0], ("name",), "phases")


def test_axes_that_are_given_are_drawn_into():
    figure, ax = axes()
    assert drawing.canvas(ax, 1, 1) == (figure, ax)
    assert drawing.canvas(None, 3, 2)[0].get_size_inches() == pytest.approx([3, 2])
