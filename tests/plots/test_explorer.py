"""Sliders move what they should, and pages without sliders get the small panels."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.integrate import quad

from allrelapse import figures
from allrelapse.data.published import TIMING
from allrelapse.evolution import growth
from allrelapse.plots import explorer

USUAL = explorer.Scenario()


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def test_lineages_before_diagnosis_follow_the_growing_leukaemia():
    s = USUAL
    found = explorer.lineages(s, [-20, 0])
    assert found[1] == pytest.approx(s.burden * s.multidrug_rate)  # M u, FACTS of Bozic & Nowak
    assert found[0] / found[1] == pytest.approx(np.exp(-20 * (s.birth - s.death)))


def test_lineages_under_therapy_are_the_integral_of_mutations_that_last():
    s = replace(USUAL, multidrug_rate=0.0)
    rate = s.mutation_rate * s.persister_division * s.survives * s.burden * s.persisters
    whole, _ = quad(lambda t: rate * np.exp(-s.persister_loss * t), 0, 300)
    assert explorer.lineages(s, 300) == pytest.approx(whole, rel=1e-9)


def test_no_lineage_arises_after_therapy():
    end = USUAL.therapy_end
    assert explorer.lineages(USUAL, end) == explorer.lineages(USUAL, end + 500)


def test_a_lineage_of_the_day_of_diagnosis_is_found_when_growth_says_so():
    day = float(explorer.relapse_days(USUAL, 0))
    founder = growth.founder_day(USUAL.detection, day, USUAL.doubling_days, USUAL.survives)
    assert float(founder.mean) == pytest.approx(0, abs=1e-9)
    assert explorer.relapse_days(USUAL, 100) == pytest.approx(day + 100)
    assert explorer.relapse_days(USUAL, -100) > day - 100  # the leukaemia grows more slowly


def test_probabilities_of_groups_add_up_to_that_of_resistance():
    row = explorer.answer(USUAL).iloc[0]
    assert row[list(TIMING)].sum() == pytest.approx(row["appears"])
    assert row["lower"] <= row["day"] <= row["upper"]


@pytest.mark.parametrize(
    ("slider", "column", "sign"),
    [
        ("doubling_days", "relapse_day", 1),
        ("mutation_rate", "appears", 1),
        ("kill_rate", "appears", -1),
        ("persisters", "appears", 1),
        ("persister_loss", "appears", -1),
    ],
)
def test_each_slider_moves_what_it_should(slider, column, sign):
    ends = [
        explorer.answer(replace(USUAL, **{slider: value}))[column].iloc[0]
        for value in explorer.SLIDERS[slider].shown
    ]
    assert sign * (ends[1] - ends[0]) > 0


def test_the_small_panels_show_each_slider_at_three_values():
    figure, table = explorer.static()
    assert table.groupby("setting", sort=False).size().to_dict() == dict.fromkeys(
        explorer.SLIDERS, 3
    )
    for ax, (_, rows) in zip(figure.axes[1:], table.groupby("setting", sort=False), strict=True):
        ends = [line.get_ydata()[-1] for line in ax.lines if line.get_linestyle() == "-"]
        assert ends == pytest.approx(100 * rows["appears"].to_numpy(), rel=1e-6)
        assert [text.get_text() for text in ax.texts[:3]] == [
            explorer._short(v) for v in rows["value"]
        ]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.29, "0.29"), (15, "15"), (1e-7, "$10^{-7}$"), (4.5e-9, r"$4.5\times10^{-9}$")],
)
def test_small_numbers_are_powers_of_ten(value, words):
    assert explorer._short(value) == words


def test_the_picture_has_the_one_cell_line_and_what_is_in_its_table():
    figure, table = explorer.picture(USUAL)
    cells, chances = figure.axes
    assert [1, 1] in [list(line.get_ydata()) for line in cells.lines]
    assert cells.lines[0].get_ydata() == pytest.approx(table["sensitive"].to_numpy())
    assert chances.lines[0].get_ydata() == pytest.approx(100 * table["appeared"].to_numpy())


def test_where_make_runs_a_notebook_there_are_no_sliders(monkeypatch):
    kernel = type("Shell", (), {"kernel": object()})()
    monkeypatch.setattr(explorer, "get_ipython", lambda: kernel)
    monkeypatch.setenv("JPY_SESSION_NAME", "08.ipynb")
    monkeypatch.delenv("ALLRELAPSE_OUTPUT", raising=False)
    assert explorer.live()
    assert explorer.explore() is not None
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", "results")
    assert explorer.explore() is None


@pytest.mark.parametrize("session", ["", "08.ipynb"])
def test_without_jupyterlab_or_a_kernel_there_are_no_sliders(monkeypatch, session):
    shell = type("Shell", (), {"kernel": None if session else object()})()
    monkeypatch.setattr(explorer, "get_ipython", lambda: shell)
    monkeypatch.delenv("ALLRELAPSE_OUTPUT", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if session:
        monkeypatch.setenv("JPY_SESSION_NAME", session)
    assert explorer.explore() is None


def test_the_picture_follows_a_slider(monkeypatch):
    shown = []
    monkeypatch.setattr(
        explorer, "display", lambda figure: shown.append(figure.axes[0].get_title("left"))
    )
    box = explorer.panel(USUAL)
    slider = box.children[list(explorer.SLIDERS).index("persisters")]
    slider.value = 1e-4
    assert len(shown) == 2
    assert shown[0] != shown[1]
    assert not plt.get_fignums()
