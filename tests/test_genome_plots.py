"""Every mutation is drawn once, in its colour, height and place, and a legend explains it."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from allrelapse import figures, genome_plots
from allrelapse.data import published
from allrelapse.errors import InputError
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
    return genome_plots.oncoprint(hits, patients, figure=figure, **options), figure


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
    assert tall[y] == genome_plots.TALL / 2
    assert sorted(tall.values())[1:] == [genome_plots.TALL] * 2  # one of them is not known
    bottom, top = axes["cells"].get_ylim()
    assert bottom > top  # larger is lower


def test_mutations_of_a_gene_in_one_patient_share_the_cell():
    axes, _ = oncoprint()
    y = row(axes, "TP53") - genome_plots.TALL / 2
    (lost,) = filled(axes["cells"], "#ffffff")
    (kept,) = [p for p in filled(axes["cells"], ORANGE) if p.get_y() == y]
    assert lost.get_width() == kept.get_width() == genome_plots.WIDE / 2
    assert lost.get_x() + lost.get_width() == pytest.approx(kept.get_x())


def test_kinds_are_marked_in_the_cell_and_explained():
    axes, figure = oncoprint()
    marks = filled(axes["cells"], genome_plots.DARK)
    framed = [p for p in axes["cells"].patches if not p.get_facecolor()[3]]
    band, dot = sorted(marks, key=lambda p: -p.get_width())
    assert band.get_width() == genome_plots.WIDE
    assert row(axes, "TP53") < band.get_y() < row(axes, "TP53") + genome_plots.TALL / 2
    assert dot.get_width() < genome_plots.WIDE / 2
    assert [to_hex(p.get_edgecolor()) for p in framed] == [genome_plots.DARK]
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
    ordered = genome_plots.oncoprint_order(hits, patients)
    # TP53 is hit in three, then MSH2 and NT5C2 tie and keep the order of the published genes
    assert list(ordered.index) == ["e", "b", "a", "c", "d", "f"]
    assert list(genome_plots.oncoprint_order(hits, patients, by=None).index) == list("bdacfe")


def test_patients_without_a_hit_keep_their_order():
    ordered = genome_plots.oncoprint_order(HITS.iloc[:0], PATIENTS, by=None)
    assert list(ordered.index) == list("abcd")


def test_groups_of_timing_stand_apart_if_they_lie_together():
    ordered = genome_plots.oncoprint_order(HITS, PATIENTS)
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
    assert share[1] == to_hex(genome_plots.SEQUENTIAL(1.0))
    changed = [to_hex(bar.get_facecolor()) for bar in axes["MMR changed"].patches]
    assert changed == [genome_plots.DARK, genome_plots.EMPTY.lower()]
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


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("p.R367Q", 367),
        ("p.Arg367Gln", 367),
        ("p.(R367Q)", 367),
        ("R367Q", 367),
        ("p.K700Rfs*12", 700),
        ("p.*394R", 394),
        ("p.X125_splice", 125),
        ("ENSP00000339479.1:p.Arg367Gln", 367),
        ("p.?", None),
        ("p.0", None),
        ("c.1100G>A", None),
        ("", None),
        (None, None),
        (np.nan, None),
        (pd.NA, None),
    ],
)
def test_the_position_of_a_protein_change_is_its_first_residue(change, position):
    assert genome_plots.protein_position(change) == position


SITES = pd.DataFrame(
    [
        *((f"p{i}", "p.R248Q", "relapse only") for i in range(5)),
        *((f"q{i}", "p.R248W", "relapse only") for i in range(3)),
        *((f"r{i}", "p.R273H", "shared") for i in range(2)),
        ("p0", "p.R248Q", "relapse only"),  # by another change of the same codon
        ("r9", "p.R273H", "relapse only"),
        ("s", "p.R175H", "diagnosis only"),
        ("t", None, "relapse only"),
    ],
    columns=["patient", "protein", "when"],
)


def lollipop(sites=SITES, **options):
    figure, ax = plt.subplots(figsize=(figures.COLUMN, 2.4))
    genome_plots.lollipop(sites, **{"length": 393, "ax": ax, "title": "TP53"} | options)
    figure.draw_without_rendering()
    return ax


def heads(ax):
    return {
        points.get_label(): [tuple(point) for point in points.get_offsets()]
        for points in ax.collections
    }


def test_stems_rise_from_the_position_to_the_number_of_patients():
    ax = lollipop()
    stems = [line.get_xydata() for line in ax.lines]
    assert sorted((stem[0][0], stem[0][1], stem[1][1]) for stem in stems) == [
        (175, 0, 1), (248, 0, 3), (248, 0, 5), (273, 0, 1), (273, 0, 2),
    ]  # fmt: skip
    tops = sorted(tuple(stem[1]) for stem in stems)
    assert tops == sorted(point for points in heads(ax).values() for point in points)


def test_heads_have_the_colour_of_when_the_mutation_is_seen():
    ax = lollipop()
    found = {when: sorted(y for _, y in points) for when, points in heads(ax).items()}
    assert found == {"shared": [2], "diagnosis only": [1], "relapse only": [1, 3, 5]}
    for points in ax.collections:
        assert to_hex(points.get_edgecolor()[0]) == figures.WHEN[points.get_label()].lower()


def test_recurrent_changes_are_named_without_overlap():
    ax = lollipop()
    assert [text.get_text() for text in ax.texts] == ["R248Q", "R248W", "R273H"]
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    assert max(box.y1 for box in boxes) <= ax.get_window_extent().y1
    assert [text.get_text() for text in lollipop(labelled=1).texts] == ["R248Q"]


def test_axes_of_a_protein_show_its_length_whole_patients_and_what_is_not_placed():
    ax = lollipop()
    assert ax.get_xlim() == (0, 393)
    assert ax.get_xlabel() == "amino acid (1 not placed)"
    assert all(tick == int(tick) and tick <= 5 for tick in ax.get_yticks())
    assert lollipop(SITES.dropna()).get_xlabel() == "amino acid"


def test_known_sites_are_marked_below_the_axis():
    ax = lollipop(known=["p.R273C", "p.R248Q", "p.R248W", "p.?"])
    (marks,) = [line for line in ax.lines if line.get_label() == "known hot spot"]
    assert list(marks.get_xdata()) == [248, 273]
    assert set(marks.get_ydata()) == {0}


def test_a_gene_without_mutations_has_an_empty_protein():
    ax = lollipop(SITES.iloc[:0])
    assert not ax.lines
    assert not ax.texts
    assert ax.get_xlim() == (0, 393)


def test_changes_crowd_within_the_protein_where_there_is_no_room():
    changes = [f"p.R{390 + i % 4}{letter}" for i, letter in enumerate("ACDEFGHIKLMNPQSTVWY" * 3)]
    crowd = pd.DataFrame({"protein": changes, "when": "shared"})
    crowd["patient"] = [f"p{i}" for i in range(len(crowd))]
    points = heads(lollipop(crowd))["shared"]
    assert all(0 <= x <= 393 for x, _ in points)


def test_changes_beyond_the_protein_are_of_another_isoform_and_not_placed():
    ax = lollipop(SITES.assign(protein="p.R400Q"))
    assert not any(heads(ax).values())
    assert f"({len(SITES)} not placed)" in ax.get_xlabel()


def test_an_unknown_word_for_when_is_refused():
    with pytest.raises(InputError, match="one of"):
        lollipop(SITES.assign(when="later"))


CELLS = pd.DataFrame(
    {
        "diagnosis": [0, 0, 0.9, 1.0, 0.5, 1.8, 0, np.nan],
        "relapse": [0.9, 0.91, 0, 1.0, 0.4, 1.0, 0, 0.3],
        "gene": ["TP53", "NT5C2", None, "KRAS", None, None, None, "FPGS"],
    }
)


def ccf_scatter(table=CELLS):
    figure, ax = plt.subplots(figsize=(figures.COLUMN, figures.COLUMN))
    genome_plots.ccf_scatter(table, ax=ax)
    figure.draw_without_rendering()
    return ax


def test_mutations_of_one_sample_lie_on_the_axes_as_open_symbols():
    found = {points.get_label(): points for points in ccf_scatter().collections}
    later, lost = found["relapse only (n = 2)"], found["diagnosis only (n = 1)"]
    assert later.get_offsets().tolist() == [[0, 0.9], [0, 0.91]]
    assert lost.get_offsets().tolist() == [[0.9, 0]]
    shared = found["shared (n = 3)"]
    assert [len(p.get_facecolor()) for p in (later, lost, shared)] == [0, 0, 1]
    assert shared.get_alpha() < 1


def test_fractions_above_the_limit_are_drawn_at_the_edge_and_the_axis_says_so():
    ax = ccf_scatter()
    assert ax.get_xlim() == ax.get_ylim() == (0, 1.5)
    shared = next(points for points in ax.collections if "shared" in points.get_label())
    assert [1.5, 1.0] in shared.get_offsets().tolist()
    assert "1.5 or more" in ax.get_xlabel()
    assert "1.5" not in ccf_scatter(CELLS[CELLS["diagnosis"] < 1.5]).get_xlabel()


def test_named_drivers_are_labelled_without_overlap():
    ax = ccf_scatter()
    assert {text.get_text() for text in ax.texts} == {"TP53", "NT5C2", "KRAS"}
    where = {text.get_text(): text.xy for text in ax.texts}
    assert where == {"TP53": (0, 0.9), "NT5C2": (0, 0.91), "KRAS": (1, 1)}
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    heights = [(box.y0 + box.y1) / 2 for box in boxes]
    assert (np.diff(heights) > 8 * ax.figure.dpi / 72).all()


def test_a_patient_without_drivers_or_mutations_is_drawn():
    assert not ccf_scatter(CELLS.assign(gene=None)).texts
    labels = [points.get_label() for points in ccf_scatter(CELLS.iloc[:0]).collections[:3]]
    assert labels == ["shared (n = 0)", "diagnosis only (n = 0)", "relapse only (n = 0)"]
