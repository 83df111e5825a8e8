"""What the figures of drug response show, read back from their axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drug_plates import plate
from matplotlib.colors import to_hex

from allrelapse import drugs, plots
from allrelapse.errors import InputError


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def spoilt():
    table = plate(noise=0.03, tops=(1.0, 0.5), seed=1)
    table.loc[5, "viability"] += 0.7
    return table, drugs.fit_curve(table)


def test_points_are_shares_of_their_plate_and_outliers_are_crosses(ax):
    table, fit = spoilt()
    points = plots.drugs.dose_response(table, fit, ax=ax, single=True)
    low = points[points["dose"] == 0]["viability"]
    assert low.mean() == pytest.approx(1, abs=0.05)  # of both plates
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [1]
    assert crosses[0].get_ydata()[0] == pytest.approx(points["viability"][5])


def test_means_leave_outliers_out_and_count_their_wells(ax):
    table, fit = spoilt()
    points = plots.drugs.dose_response(table, fit, ax=ax)
    kept = table["dose"][~fit.outlier].value_counts()
    assert points.set_index("dose")["wells"].to_dict() == kept.to_dict()


def test_the_bar_is_the_interval_of_the_ic50_at_half_height_and_absent_without_one(ax):
    table, fit = spoilt()
    plots.drugs.dose_response(table, fit, ax=ax)
    bars = [line for line in ax.lines if line.get_linewidth() == 3]
    assert len(bars) == 1
    assert tuple(bars[0].get_xdata()) == pytest.approx(fit.ic50.interval)
    assert tuple(bars[0].get_ydata()) == pytest.approx((0.5, 0.5), abs=1e-6)
    flat = plate(ic50=1e6, noise=0.03)
    plots.drugs.dose_response(flat, drugs.fit_curve(flat), ax=ax)
    assert len([line for line in ax.lines if line.get_linewidth() == 3]) == 1


def test_untreated_wells_stand_left_of_the_lowest_dose_at_a_tick_of_0(ax):
    table, fit = spoilt()
    plots.drugs.dose_response(table, fit, ax=ax, single=True)
    ticks = dict(zip([t.get_text() for t in ax.get_xticklabels()], ax.get_xticks(), strict=True))
    assert ax.get_xlim()[0] < ticks["0"] < fit.doses[0]


def test_a_panel_shows_data_of_the_named_and_lines_of_the_rest(ax):
    genotypes = {"NT5C2 x": 1.0, "TP53 y": 9.0}
    curves = {("L", name, "d"): plate(ic50=k, noise=0.03) for name, k in genotypes.items()}
    curves["other", "NT5C2 x", "d"] = curves["L", "NT5C2 x", "d"]
    fits = {key: drugs.fit_curve(table) for key, table in curves.items()}
    named = ["TP53 y", "absent"]
    drawn = plots.drugs.curve_panel(curves, fits, line="L", drug="d", named=named, ax=ax)
    assert set(drawn["genotype"]) == {"TP53 y"}
    assert ax.get_legend_handles_labels()[1] == ["TP53 y"]
    grey = [line for line in ax.lines if line.get_color() == plots.drugs.PLAIN]
    assert len([line for line in grey if len(line.get_xdata()) == 200]) == 1


def test_intervals_that_miss_the_planted_value_are_marked(ax):
    columns = ["fold", "fold_lower", "fold_upper", "planted"]
    rows = [(2.0, 1.5, 2.5, 2.2), (3.0, 2.8, 3.2, 2.0), (np.inf, 9.0, np.inf, 50.0)]
    table = pd.DataFrame(rows, columns=columns).assign(drug=list("abc"))
    about = {"value": "fold", "truth": "planted", "words": ["drug"]}
    drawn = plots.drugs.recovery_plot(table, ax=ax, **about)
    assert drawn["drug"].tolist() == ["a", "b"]  # what has no number is left out
    assert drawn["held"].tolist() == [True, False]
    assert drawn["ratio"].tolist() == pytest.approx([2 / 2.2, 1.5])
    with pytest.raises(InputError, match="nothing to draw"):
        plots.drugs.recovery_plot(table.tail(1), ax=ax, **about)


def test_cells_say_counts_or_how_it_is_known(ax):
    rows = [("A", "x", 2, 4, "measured"), ("A", "y", pd.NA, pd.NA, "inferred")]
    rows.append(("B", "x", pd.NA, pd.NA, "assumed"))
    table = pd.DataFrame(rows, columns=["row", "column", "some", "all", "basis"])
    plots.drugs.count_matrix(
        table, rows=["A", "B"], columns=["x", "y"], ax=ax, colours={"x": "#0072B2"}
    )
    hues = [to_hex(cell.get_facecolor()) for cell in ax.patches]
    assert hues == ["#0072b2", plots.drugs.SHADE.lower(), "#0072b2"]
    words = {text.get_position(): text.get_text() for text in ax.texts}
    assert words == {(0, 0): "2/4", (1, 0): "~", (0, 1): "?"}
