"""Every mutation is drawn once, in its colour, height and place, and a legend explains it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from allrelapse import figures
from allrelapse.data import published
from allrelapse.errors import InputError
from allrelapse.plots import oncoprint as plot
from allrelapse.signatures.occurrence import WHEN

COLUMNS = ["patient", "gene", "when", "clonality", "kind"]
HITS = pd.DataFrame(
    [
        ("a", "TP53", "relapse only", "clonal", "missense"),
        ("b", "TP53", "relapse only", "subclonal", "truncating"),
        ("b", "NT5C2", "relapse only", None, "missense"),
        ("c", "TP53", "shared", "clonal", "missense"),
        ("c", "TP53", "diagnosis only", "clonal", "deletion"),
        ("c", "MSH2", "shared", "clonal", "other"),
    ],
    columns=COLUMNS,
)
PATIENTS = pd.DataFrame(
    {"timing": ["late", "early", "early", None], "burden": [0.0, 1000.0, 20.0, np.nan]},
    index=["a", "b", "c", "d"],
)
PINK, ORANGE, GREY = (
    figures.WHEN[when].lower() for when in ("relapse only", "shared", "diagnosis only")
)


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def oncoprint(hits=HITS, patients=PATIENTS, size=(figures.PAGE, 4.5), **options):
    figure = plt.figure(figsize=size)
    return plot.oncoprint(hits, patients, figure=figure, **options), figure


def filled(ax, colour):
    return [p for p in ax.patches if p.get_facecolor()[3] and to_hex(p.get_facecolor()) == colour]


def words_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts() if text.get_text()]


def row(axes, gene):
    return [label.get_text() for label in axes["cells"].get_yticklabels()].index(gene)


def dashes(ax):
    return sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == "_")


def test_there_is_a_colour_for_every_time_at_which_a_mutation_is_seen():
    assert set(figures.WHEN) == set(WHEN)


def test_every_mutation_is_drawn_once_in_the_colour_of_when_it_is_seen():
    axes, _ = oncoprint()
    assert len(filled(axes["cells"], PINK)) == 3
    assert len(filled(axes["cells"], ORANGE)) == 2
    (lost,) = filled(axes["cells"], "#ffffff")
    assert to_hex(lost.get_edgecolor()) == GREY


def test_mutations_of_other_genes_and_patients_are_left_out():
    axes, _ = oncoprint(patients=PATIENTS.loc[["a", "b"]], genes=("TP53",))
    assert len(filled(axes["cells"], PINK)) == 2
    assert not filled(axes["cells"], ORANGE)


def test_subclonal_mutations_have_half_the_height_and_lie_at_the_bottom():
    axes, _ = oncoprint()
    tall = {p.get_y(): p.get_height() for p in filled(axes["cells"], PINK)}
    y = row(axes, "TP53")
    assert tall[y] == plot.TALL / 2
    assert sorted(tall.values())[1:] == [plot.TALL] * 2  # one of them is not known
    bottom, top = axes["cells"].get_ylim()
    assert bottom > top  # larger is lower


def test_mutations_of_a_gene_in_one_patient_share_the_cell():
    axes, _ = oncoprint()
    y = row(axes, "TP53") - plot.TALL / 2
    (lost,) = filled(axes["cells"], "#ffffff")
    (kept,) = [p for p in filled(axes["cells"], ORANGE) if p.get_y() == y]
    assert lost.get_width() == kept.get_width() == plot.WIDE / 2
    assert lost.get_x() + lost.get_width() == pytest.approx(kept.get_x())


def test_kinds_are_marked_in_the_cell_and_explained():
    axes, figure = oncoprint()
    marks = filled(axes["cells"], plot.DARK)
    framed = [p for p in axes["cells"].patches if not p.get_facecolor()[3]]
    band, dot = sorted(marks, key=lambda p: -p.get_width())
    assert band.get_width() == plot.WIDE
    assert row(axes, "TP53") < band.get_y() < row(axes, "TP53") + plot.TALL / 2
    assert dot.get_width() < plot.WIDE / 2
    assert [to_hex(p.get_edgecolor()) for p in framed] == [plot.DARK]
    assert {"missense", "truncating", "deletion", "other", "subclonal"} <= set(words_of(figure))
    assert "truncating" not in words_of(oncoprint(HITS.iloc[:1])[1])


def test_genes_are_ranked_by_patients_and_counted():
    axes, _ = oncoprint(genes=("FPGS", "MSH2", "NT5C2", "TP53"))
    names = [label.get_text() for label in axes["cells"].get_yticklabels()]
    assert names == ["TP53", "MSH2", "NT5C2", "FPGS"]
    assert [bar.get_width() for bar in axes["genes"].patches] == [3, 1, 1, 0]
    words = [text.get_text() for text in axes["genes"].texts]
    assert words == ["3 (75 %)", "1 (25 %)", "1 (25 %)", "0", "patients"]


def test_patients_are_ordered_by_timing_and_then_by_the_commonest_gene():
    patients = pd.DataFrame(
        {"timing": ["late", None, "early", "early", "very early", "early"]}, index=list("dfcbea")
    )
    hits = HITS.assign(patient=["d", "b", "b", "a", "a", "c"])  # c: MSH2; b, a: TP53
    ordered = plot.oncoprint_order(hits, patients)
    # TP53 is hit in three, then MSH2 and NT5C2 tie and keep the order of the published genes
    assert list(ordered.index) == ["e", "b", "a", "c", "d", "f"]
    assert list(plot.oncoprint_order(hits, patients, by=None).index) == list("bdacfe")


def test_patients_without_a_hit_keep_their_order():
    ordered = plot.oncoprint_order(HITS.iloc[:0], PATIENTS, by=None)
    assert list(ordered.index) == list("abcd")


def test_groups_of_timing_stand_apart_if_they_lie_together():
    ordered = plot.oncoprint_order(HITS, PATIENTS)
    axes, _ = oncoprint(patients=ordered)
    steps = np.diff([bar.get_x() for bar in axes["burden"].patches])
    assert list(ordered.index) == ["b", "c", "a", "d"]
    assert steps[0] == pytest.approx(1)
    assert (steps[1:] > 1.1).all()
    mixed, _ = oncoprint(patients=PATIENTS.loc[["b", "a", "c"]])
    assert np.diff([bar.get_x() for bar in mixed["burden"].patches]) == pytest.approx([1, 1])


def test_burden_is_drawn_on_a_logarithmic_scale_that_shows_none_and_not_known():
    axes, figure = oncoprint()
    ax = axes["burden"]
    assert [bar.get_height() for bar in ax.patches] == [0, 1000, 20, 0]
    assert ax.get_yscale() == "symlog"
    assert "mutations" in ax.get_ylabel()
    assert dashes(ax) == 1
    assert "not known" in words_of(figure)


def test_missing_timing_is_a_dash_and_the_others_have_their_colour():
    axes, figure = oncoprint()
    colours = [to_hex(bar.get_facecolor()).upper() for bar in axes["timing"].patches]
    assert colours == [figures.TIMING[group] for group in ("late", "early", "early")]
    assert dashes(axes["timing"]) == 1
    words = words_of(figure)
    assert words[words.index("timing") + 1 :][:2] == ["early (2)", "late (1)"]


def test_tracks_are_white_at_zero_dark_where_true_and_coloured_by_word():
    tracks = {
        "SBS87, %": pd.Series({"a": 0, "b": 40, "c": 20}),
        "MMR changed": pd.Series({"a": True, "b": False}),
        "lineage": pd.Series({"d": "T", "a": "B", "b": "B", "c": "B"}),
    }
    axes, figure = oncoprint(tracks=tracks)
    share = [to_hex(bar.get_facecolor()) for bar in axes["SBS87, %"].patches]
    assert share[0] == "#ffffff"
    assert share[1] == to_hex(figures.SEQUENTIAL(1.0))
    changed = [to_hex(bar.get_facecolor()) for bar in axes["MMR changed"].patches]
    assert changed == [plot.DARK, plot.EMPTY.lower()]
    assert [dashes(axes[name]) for name in tracks] == [1, 2, 0]
    lineage = [to_hex(bar.get_facecolor()) for bar in axes["lineage"].patches]
    assert lineage[0] == lineage[1] == lineage[2] != lineage[3]
    words = words_of(figure)
    assert words[words.index("SBS87, %") + 1 :][:3] == ["0", "20", "40"]
    assert {"yes", "no", "B (3)", "T (1)"} <= set(words)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_track_of_nothing_is_all_dashes(missing):
    axes, _ = oncoprint(tracks={"x": pd.Series([missing] * 4, PATIENTS.index)})
    assert not axes["x"].patches
    assert dashes(axes["x"]) == 4


def test_without_hits_the_cells_are_empty():
    axes, figure = oncoprint(HITS.iloc[:0])
    assert not axes["cells"].patches
    rows = axes["cells"].collections
    assert [len(cells.get_paths()) for cells in rows] == [4] * len(published.GENES)
    assert [text.get_text() for text in axes["genes"].texts[:-1]] == ["0"] * len(published.GENES)
    assert "change" not in words_of(figure)


def test_one_patient_without_timing_or_burden_is_drawn():
    axes, _ = oncoprint(patients=PATIENTS.loc[["a"], []])
    assert set(axes) == {"cells", "genes"}
    assert len(filled(axes["cells"], PINK)) == 1
    assert [label.get_text() for label in axes["cells"].get_xticklabels()] == ["a"]


@pytest.mark.parametrize("count", [3, 103])
def test_nothing_lies_on_the_legend_and_names_are_shown_if_they_fit(count):
    patients = pd.DataFrame({"timing": "early", "burden": 10.0}, [f"P{i:03}" for i in range(count)])
    hits = HITS.assign(patient=["P000", "P001", "P001", "P002", "P002", "P002"])
    tracks = {f"SBS8{i}, %": pd.Series(float(i), patients.index) for i in range(3)}
    axes, figure = oncoprint(hits, patients, tracks=tracks)
    figure.draw_without_rendering()
    lowest = axes["SBS82, %"]
    assert len(lowest.get_xticklabels()) == (3 if count == 3 else 0)
    assert lowest.get_xlabel() == f"patients (n = {count})"
    (legend,) = figure.findobj(Legend)
    top = legend.get_window_extent().y1
    assert all(ax.get_tightbbox().y0 >= top for ax in axes.values())
    inside = [legend.get_window_extent(), *(ax.get_tightbbox() for ax in axes.values())]
    assert min(box.x0 for box in inside) >= 0
    assert max(box.x1 for box in inside) <= figure.bbox.x1
    assert max(box.y1 for box in inside) <= figure.bbox.y1 + 1


@pytest.mark.parametrize(
    ("column", "word"), [("when", "later"), ("kind", "silent"), ("clonality", "some")]
)
def test_words_that_cannot_be_drawn_are_refused(column, word):
    with pytest.raises(InputError, match=word):
        oncoprint(HITS.assign(**{column: word}))


@pytest.mark.parametrize(
    ("values", "message"), [([1, -1, 0, 0], "negative"), (list("uvwxyz"), "6 levels")]
)
def test_tracks_that_cannot_be_drawn_are_refused(values, message):
    patients = pd.DataFrame(index=range(len(values)))
    with pytest.raises(InputError, match=message):
        oncoprint(patients=patients, tracks={"t": pd.Series(values)})


@pytest.mark.parametrize("rows", [[], ["a", "a"]])
def test_an_oncoprint_needs_each_patient_once(rows):
    with pytest.raises(InputError, match="each of them once"):
        oncoprint(patients=PATIENTS.loc[rows])
