"""Courses of patients: reads with their limits, and events on their days."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from scipy.stats import beta

from allrelapse import figures
from allrelapse.data import tables
from allrelapse.errors import InputError
from allrelapse.plots import courses

PHASES = pd.DataFrame(
    [("induction", 0, 36), ("maintenance", 36, 700)], columns=["name", "start", "end"]
)


def variant(gene, protein, position, reads):
    rows = [
        ("p", day, gene, protein, "1", position, "C", "T", count, depth, limit)
        for day, count, depth, limit in reads
    ]
    columns = ["patient", *courses.SERIAL]
    return pd.DataFrame(rows, columns=columns)


READS = pd.concat(
    [
        variant(
            "NT5C2",
            "p.R367Q",
            5,
            [(300, 900, 4000, 0.002), (0, 0, 5000, 0.003), (100, 4, 5000, 0.002)],
        ),
        variant(
            "TTN", None, 7, [(0, 2000, 4000, 0.003), (100, 0, 0, 0.002), (300, 2000, 4000, 0.002)]
        ),
        variant(
            None, None, 9, [(0, 2000, 4000, 0.003), (100, 0, 5000, 0.002), (300, 4000, 4000, 0.002)]
        ),
    ],
    ignore_index=True,
)


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def points(ax, name, state):
    (line,) = [line for line in ax.lines if line.get_label() == f"{name}, {state}"]
    return line


def test_fractions_are_reads_with_exact_binomial_intervals():
    _, table = courses.trajectories(READS)
    row = table[(table["variant"] == "NT5C2 R367Q") & (table["day"] == 300)].iloc[0]
    assert row["fraction"] == 900 / 4000
    # Clopper & Pearson 1934: quantiles of beta laws
    assert row["lower"] == pytest.approx(beta.ppf(0.025, 900, 3101))
    assert row["upper"] == pytest.approx(beta.ppf(0.975, 901, 3100))


def test_a_sample_without_the_variant_is_an_open_symbol_at_its_limit():
    figure, table = courses.trajectories(READS)
    (ax,) = figure.axes
    row = table[(table["variant"] == "NT5C2 R367Q") & (table["day"] == 0)].iloc[0]
    assert (row["fraction"], row["drawn"], row["detected"]) == (0, 0.003, False)
    unseen = points(ax, "NT5C2 R367Q", "not detected")
    assert unseen.get_xydata().tolist() == [[0, pytest.approx(0.3)], [100, pytest.approx(0.08)]]
    assert unseen.get_markerfacecolor() == "white"
    assert unseen.get_markeredgecolor() == figures.GENE["NT5C2"]


def test_the_interval_of_no_reads_begins_at_the_edge():
    figure, _ = courses.trajectories(READS)
    (ax,) = figure.axes
    upper = 100 * beta.ppf(0.975, 1, 5000)
    bars = [c for c in ax.collections if isinstance(c, LineCollection)]
    ends = [part[:, 1] for c in bars for part in c.get_segments()]
    assert any(np.allclose(pair, [ax.get_ylim()[0], upper]) for pair in ends)


def test_a_detected_variant_is_filled_in_the_colour_of_its_gene_and_named():
    figure, _ = courses.trajectories(READS)
    (ax,) = figure.axes
    seen = points(ax, "NT5C2 R367Q", "detected")
    assert seen.get_xydata().tolist() == [[300, pytest.approx(22.5)]]
    assert seen.get_markerfacecolor() == figures.GENE["NT5C2"]
    assert {"NT5C2 R367Q", "2 others"} <= {text.get_text() for text in ax.texts}


def test_no_line_goes_through_a_sample_in_which_the_variant_was_not_detected():
    figure, _ = courses.trajectories(READS[READS["Hugo_Symbol"].isna()])  # seen, not seen, seen
    assert not [line for line in figure.axes[0].lines if line.get_linestyle() in ("-", ":")]
    figure, _ = courses.trajectories(READS)
    joined = [x.get_xdata().tolist() for x in figure.axes[0].lines if x.get_linestyle() == "-"]
    assert joined == [[0, 300]]  # of TTN, which has no depth on day 100


def test_a_sample_without_depth_there_is_a_gap_and_no_zero():
    _, table = courses.trajectories(READS)
    assert table[table["variant"].str.startswith("1 7")]["day"].tolist() == [0, 300]


def test_the_limit_of_each_sample_is_drawn():
    figure, _ = courses.trajectories(READS)
    (limit,) = [x for x in figure.axes[0].lines if x.get_label() == "limit of detection"]
    assert limit.get_xydata() == pytest.approx(np.array([[0, 0.3], [100, 0.2], [300, 0.2]]))


def test_relapse_and_therapy_are_marked():
    figure, _ = courses.trajectories(READS, PHASES, relapse_day=310)
    (ax,) = figure.axes
    assert [310, 310] in [list(line.get_xdata()) for line in ax.lines]
    assert {"relapse", "induction", "maintenance"} <= {text.get_text() for text in ax.texts}


def test_fractions_of_cells_are_drawn_as_given():
    given = READS.assign(fraction=0.5, lower=0.4, upper=0.6)
    figure, table = courses.trajectories(given, quantity="cells, %")
    assert set(table["drawn"]) == {0.5}
    assert figure.axes[0].get_ylabel() == "cells, %"


def test_reads_of_several_patients_are_refused():
    with pytest.raises(InputError, match="2 patients"):
        courses.trajectories(READS.assign(patient=["a", "b"] * 4 + ["a"]))


def test_reads_without_any_depth_are_refused():
    with pytest.raises(InputError, match="t_depth"):
        courses.trajectories(READS.assign(t_depth=0))


PATIENTS = pd.DataFrame(
    {
        "patient": ["b", "a", "c"],
        "timing": ["late", "very early", "early"],
        "relapse_day": [1500.0, 200.0, np.nan],
        "follow_up_day": [2000.0, 600.0, 100.0],
        "status": ["alive", "dead", "alive"],
        "second_relapse_day": [np.nan, 400.0, np.nan],
        "transplant_day": [1700.0, np.nan, np.nan],
        "mrd_percent": [0.1, 2.0, 0.01],
        "mrd_below": pd.array([False, False, True], dtype="boolean"),
    }
)


def swimmer(**options):
    samples = pd.DataFrame({"patient": ["a", "a", "b", "c"], "day": [0.0, 150.0, 0.0, 0.0]})
    return courses.swimmer(PATIENTS, PHASES, samples=samples, **options)


def test_a_swimmer_plot_names_each_relapsed_patient_in_order_of_relapse():
    figure, table = swimmer()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    assert table[["patient", "end_day", "samples"]].to_numpy().tolist() == [
        ["a", 600, 2], ["b", 2000, 1],
    ]  # fmt: skip
    assert table["death_day"].iloc[0] == 600


def test_serial_samples_lie_on_their_patients_and_days():
    figure, _ = swimmer()
    (line,) = [x for x in figure.axes[0].lines if x.get_label() == "serial sample"]
    days = line.get_xydata() * [courses.YEAR, 1]
    assert days.tolist() == [[0, 0], [pytest.approx(150), 0], [0, 1]]


def test_bars_have_the_colour_of_timing_and_therapy_is_a_band_on_top():
    figure, _ = swimmer()
    (ax,) = figure.axes
    bars = next(c for c in ax.collections if isinstance(c, LineCollection))
    assert [to_hex(c).upper() for c in bars.get_colors()] == [
        figures.TIMING["very early"], figures.TIMING["late"],
    ]  # fmt: skip
    band = [line for line in ax.lines if list(line.get_ydata()) == [1, 1]]
    ends = [line.get_xdata()[1] * courses.YEAR for line in band]
    assert ends == pytest.approx([36, 700])
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"relapse", "second relapse", "transplant", "death", "serial sample"} <= set(words)


def test_without_a_day_of_relapse_there_is_no_swimmer():
    with pytest.raises(InputError, match="no rows"):
        courses.swimmer(PATIENTS.iloc[2:])


def test_a_patient_without_follow_up_is_drawn_up_to_the_relapse():
    people = tables.complete(pd.DataFrame({"patient": ["A"], "relapse_day": [100.0]}), "patients")
    people["timing"] = tables.timing(people["relapse_day"])
    figure, table = courses.swimmer(people)
    assert table["end_day"].tolist() == [100]
    assert not figure.axes[0].patches  # nobody's residual disease is known


def test_residual_disease_is_a_strip_whose_shade_says_how_much():
    figure, _ = swimmer()
    cells = [p for p in figure.axes[0].patches if p.get_x() < 0]
    shades = {round(cell.get_y() + 0.5): to_hex(cell.get_facecolor()).upper() for cell in cells}
    assert shades == {0: courses.MRD["above 1 %"], 1: courses.MRD["to 1 %"]}  # 2 % and 0.1 %
    below = PATIENTS.assign(mrd_below=pd.array([True] * 3, dtype="boolean"))
    figure, _ = courses.swimmer(below)
    strip = [p for p in figure.axes[0].patches if p.get_x() < 0]
    assert {to_hex(p.get_facecolor()).upper() for p in strip} == {courses.MRD["below limit"]}


def test_every_event_has_a_symbol_of_its_own():
    assert len({marker for _, marker, _ in courses.EVENTS.values()}) == len(courses.EVENTS)
    figure, _ = swimmer()
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert len(labels) == len(set(labels))


def test_many_patients_are_not_named():
    many = pd.concat([PATIENTS.iloc[:1].assign(patient=f"p{i}") for i in range(courses.FEW + 1)])
    figure, _ = courses.swimmer(many)
    assert not figure.axes[0].get_yticklabels()
    assert figure.axes[0].get_ylabel() == f"patients (n = {courses.FEW + 1})"
