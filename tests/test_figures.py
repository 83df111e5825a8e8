"""A figure comes with its table and its words, and twice the same."""

import hashlib
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from allrelapse import figures
from allrelapse.errors import InputError

ALT = "Two points that rise from left to right."


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", str(tmp_path))
    figures.style()
    return tmp_path / "figures"


def draw():
    figure, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, 1], [0, 1])
    return figure


def test_a_figure_is_saved_with_its_table_and_alt_text(output):
    table = pd.DataFrame({"x": [0, 1], "y": [0.1, 1 / 3]})
    image = figures.save(draw(), "rise", table=table, alt=ALT)
    assert {p.name for p in output.iterdir()} == {"rise.png", "rise.svg", "rise.csv", "rise.txt"}
    pd.testing.assert_frame_equal(pd.read_csv(output / "rise.csv"), table)
    assert image.alt == ALT
    assert ALT in (output / "rise.svg").read_text()


def test_the_same_figure_twice_is_the_same_bytes(output):
    hashes = []
    for _ in range(2):
        figures.save(draw(), "rise", table=pd.DataFrame({"x": [1]}), alt=ALT)
        hashes.append({p.name: hashlib.sha256(p.read_bytes()).digest() for p in output.iterdir()})
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("table", "alt"), [(pd.DataFrame(), ALT), (pd.DataFrame({"x": [1]}), "plot")]
)
def test_a_figure_without_table_or_words_is_refused(table, alt, output):
    with pytest.raises(InputError, match="needs the table"):
        figures.save(draw(), "bare", table=table, alt=alt)
    assert not output.exists()


def test_infinite_interval_ends_stay_inside_the_axis():
    _, ax = plt.subplots()
    ax.set_xscale("log")
    table = pd.DataFrame(
        {"v": [2.0, float("inf")], "l": [1.0, 1.5], "u": [4.0, float("inf")], "n": "ab"}
    )
    figures.interval_plot(table, value="v", lower="l", upper="u", label="n", ax=ax, null=1)
    assert all(abs(x) < 1e3 for line in ax.lines for x in line.get_xdata())
    assert [t.get_text() for t in ax.texts] == ["∞"]


def test_spectrum_draws_the_96_channels_in_customary_order():
    counts = pd.Series(
        range(96),
        index=[f"{a}[{s}]{b}" for s in figures.SUBSTITUTION for a in "ACGT" for b in "ACGT"],
    )
    _, ax = plt.subplots()
    figures.spectrum(counts.sample(frac=1, random_state=0), ax=ax, title="t")
    assert [bar.get_height() for bar in ax.patches[:96]] == list(range(96))


def test_the_curve_of_limits_counts_samples_without_a_limit_as_never_found():
    limits = pd.DataFrame({"cohort": "PCAWG", "percent": [2.0, 8.0, None, None]})
    _, ax = plt.subplots()
    figures.limits_plot(limits, ax=ax)
    (line,) = ax.get_lines()
    assert line.get_label() == "PCAWG genomes (n = 4)"
    curve = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert curve == {0.1: 0, 2.0: 25, 8.0: 50, 100.0: 50}


def test_paired_counts_are_drawn_on_a_log_axis_with_their_medians():
    before, after = pd.Series([10, 20, 30]), pd.Series([20, 40, 400])
    _, ax = plt.subplots()
    figures.paired_plot(before, after, ax=ax, limit=100)
    assert ax.get_yscale() == "log"
    assert {text.get_text() for text in ax.texts} == {"20", "40"}
    assert list(ax.lines[-1].get_ydata()) == [100, 100]
    lines = [line.get_ydata().tolist() for line in ax.lines[:3]]
    assert lines == [[10, 20], [20, 40], [30, 400]]


def test_a_patient_without_mutations_stays_in_the_picture():
    _, ax = plt.subplots()
    figures.paired_plot(pd.Series([0, 5]), pd.Series([3, 5]), ax=ax)
    assert ax.get_yscale() == "symlog"
    assert ax.lines[0].get_ydata().tolist() == [0, 3]


def test_quantiles_stand_at_the_middle_of_their_ranks_among_all_tests():
    p = pd.Series([0.2, 0.001])
    _, ax = plt.subplots()
    figures.quantile_plot(p, pd.Series([False, True]), ax=ax, tests=100)
    line, other, ours = ax.lines
    assert ours.get_xdata() == pytest.approx([-np.log10(0.5 / 100)])
    assert ours.get_ydata() == pytest.approx([3])
    assert other.get_xdata() == pytest.approx([-np.log10(1.5 / 100)])
    assert line.get_xdata().tolist() == line.get_ydata().tolist()


def test_the_spread_of_cohorts_has_a_band_of_its_central_95_per_cent():
    _, ax = plt.subplots()
    figures.spread_plot(pd.Series(np.arange(101.0) / 2), 20.0, ax=ax)
    band = ax.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((1.25, 48.75))
    assert sum(bar.get_height() for bar in ax.patches[1:]) == 101
    assert ax.lines[-1].get_xdata() == [20, 20]


def test_a_shown_table_has_words_for_names_and_dashes_for_what_is_missing():
    table = pd.DataFrame({"odds_ratio": [2.5, np.nan], "gene": ["<script>", None]}, ["a_1", "b_2"])
    table = table.assign(n=pd.array([3, None], dtype="Int64"), k=pd.Categorical(["x", None]))
    shown = figures.told(table.rename_axis("patient_id"))
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", shown)
    assert cells == [
        "", "odds ratio", "gene", "n", "k", "patient id", "", "", "", "", "a_1", "2.5",
        "&lt;script&gt;", "3", "x", "b_2", "–", "–", "–", "–",
    ]  # fmt: skip
    assert "<script>" not in shown
    assert table.columns.tolist() == ["odds_ratio", "gene", "n", "k"]
    assert table.index.name is None


def test_style_makes_notebooks_show_tables_so(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr(figures, "get_ipython", lambda: shell)
    figures.style()
    shown, _ = shell.display_formatter.format(pd.DataFrame({"p_value": [np.nan]}))
    assert "p value" in shown["text/html"]
    assert "NaN" not in shown["text/html"]
