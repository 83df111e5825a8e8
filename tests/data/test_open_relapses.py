"""Open tables about relapse against their owners' tables, and against small fake files."""

import hashlib
import warnings

import openpyxl
import pandas as pd
import pytest
import rdata

from allrelapse.data import open_data, open_relapses
from allrelapse.data.open_data import OpenFile
from allrelapse.data.open_relapses import groebner_pairs, target_lesions
from allrelapse.data.open_tables import target_clinical
from allrelapse.errors import InputError

SAMPLES = [
    list(open_relapses.SAMPLE_COLUMNS),
    ["P1", "T-ALL", "x", "Male", 4, "120.74x"],
    ["P1-R", "T-ALL", "Relapse_of_P1", "Male", 4, "293.54x"],
]
COUNTS = [list(open_relapses.COUNT_COLUMNS), ["P1", 12, 10], ["P1-R", 13, 2]]
# TP53 in GRCh38: 17:7,661,779-7,687,550 (Ensembl)
LESION = {"ID": "P1", "chrom": "17", "loc.start": 7673776.0, "loc.end": 7673776.0}
LESION |= {"lsn.type": "mutation"}


@pytest.fixture(scope="module")
def pairs(mirror):
    return groebner_pairs()


@pytest.fixture(scope="module")
def found(mirror):
    return target_lesions()


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Where to write the fake of an open file, which is then taken for the file itself."""

    def put(name, write):
        path = tmp_path / name
        path.parent.mkdir()
        write(path)
        file = OpenFile(
            url="https://x.org/a",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            bytes=path.stat().st_size,
            licence="x",
            citation="x",
            holds="x",
        )
        monkeypatch.setattr(open_data, "registry", lambda: {name: file})
        monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path))

    return put


@pytest.fixture
def workbook(place):
    """Put samples and counts in the place of the supplementary tables."""

    def write(samples=SAMPLES, counts=COUNTS, names=("S_Table2", "S_Table3")):
        book = openpyxl.Workbook()
        for name, above, rows in zip(names, (3, 2), (samples, counts), strict=True):
            sheet = book.create_sheet(name)
            for row in [["Supplementary Table"], *[[None]] * (above - 1), *rows]:
                sheet.append(row)
        place(open_relapses.PAIRS, book.save)

    return write


@pytest.fixture
def lesions(place):
    """Put lesions in the place of TARGET's."""

    def write(*rows, frame="lesion_data"):
        table = pd.DataFrame(rows)
        place(open_relapses.LESIONS, lambda path: rdata.write_rda(path, {frame: table}))

    return write


def changed(rows, row, column, value):
    """The rows of a sheet with one cell replaced."""
    rows = [list(cells) for cells in rows]
    rows[row][rows[0].index(column)] = value
    return rows


def test_29_pairs_of_all_are_21_of_b_and_8_of_t_lineage(pairs):
    # as SOURCES counts them
    assert len(pairs) == 29
    assert pairs["lineage"].value_counts().to_dict() == {"B": 21, "T": 8}
    by_subtype = {"B-ALLother": 19, "T-ALL": 8, "B-ALL-HYPO": 2}
    assert pairs["subtype"].value_counts().to_dict() == by_subtype


def test_a_pair_is_as_the_supplementary_tables_have_it(pairs):
    # rows ALL-B-14 and ALL-B-14-R of tables 2 and 3
    assert pairs.loc["ALL-B-14"].to_dict() == {
        "lineage": "B",
        "subtype": "B-ALLother",
        "sex": "female",
        "age_years": 11.17,
        "diagnosis_snvs": 33,
        "relapse_snvs": 386,
        "diagnosis_indels": 3,
        "relapse_indels": 19,
        "diagnosis_depth": 147.68,
        "relapse_depth": 207.77,
    }


def test_counts_of_a_pair_may_be_equal(pairs):
    # rows T-ALL_H_MD40 and T-ALL_H_MD40-R of table 3
    counts = ["diagnosis_snvs", "relapse_snvs", "diagnosis_indels", "relapse_indels"]
    assert pairs.loc["T-ALL_H_MD40", counts].tolist() == [1, 1, 4, 4]


def test_counts_are_whole_numbers_and_depths_are_not(pairs):
    kinds = pairs.dtypes.astype(str)
    assert set(kinds[kinds.index.str.endswith(("snvs", "indels"))]) == {"int64"}
    assert set(kinds[kinds.index.str.endswith(("depth", "years"))]) == {"float64"}


def test_the_workbook_is_read_without_a_warning(mirror):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groebner_pairs()


def test_relapses_without_their_primary_and_of_other_cancers_are_left_out(workbook):
    lone = ["P2-R", "T-ALL", "x", "Male", 7, ""]
    other = ["P3", "AML", "x", "NA", "NA", "NA"], ["P3-R", "AML", "Relapse_of_P3", "", "", ""]
    workbook([*SAMPLES, lone, *other])
    assert list(groebner_pairs().index) == ["P1"]


@pytest.mark.parametrize(
    ("row", "column", "value", "fault"),
    [
        (
            2,
            "Relapse of Other Sample",
            "Relapse_of_P9",
            "1 fault:.*sample P9: has a relapse but is not in S_Table2",
        ),
        (2, "On target coverage (Tumor)", "deep", "row P1, column relapse_depth: 'deep' must be"),
        (1, "Age", "NA", "row P1, column age_years: 'NA' must be of type float64"),
        (1, "Gender", "x", "row P1, column sex: 'x' must be one of female, male"),
        (2, "Sample", "P1", "sheet S_Table2.*sample P1: occurs twice"),
        (0, "Age", "Years", "sheet S_Table2.*row 4: has no column Age"),
    ],
)
def test_a_faulty_sample_is_refused_by_name(row, column, value, fault, workbook):
    workbook(changed(SAMPLES, row, column, value))
    with pytest.raises(InputError, match=f"(?s)MOESM3.*{fault}"):
        groebner_pairs()


@pytest.mark.parametrize(
    ("row", "column", "value", "fault"),
    [
        (1, "SNVs", 1.5, "row P1, column diagnosis_snvs: '1.5' must be of type int64"),
        (2, "Indels", -1, "row P1, column relapse_indels: -1 must be greater than or equal to 0"),
        (2, "Sample", "P9-R", "row P1, column relapse_snvs"),
        (0, "SNVs", "SNV", "sheet S_Table3.*row 3: has no column SNVs"),
    ],
)
def test_a_faulty_count_is_refused_by_the_name_of_its_pair(row, column, value, fault, workbook):
    workbook(counts=changed(COUNTS, row, column, value))
    with pytest.raises(InputError, match=f"(?s)MOESM3.*{fault}"):
        groebner_pairs()


def test_two_relapses_of_one_primary_are_refused(workbook):
    again = ["P1-R2", *SAMPLES[2][1:]]
    workbook([*SAMPLES, again], [*COUNTS, ["P1-R2", 1, 1]])
    with pytest.raises(InputError, match="P1' must not occur twice"):
        groebner_pairs()


def test_a_workbook_without_the_sheet_is_refused(workbook):
    workbook(names=("S_Table2", "Table 3"))
    with pytest.raises(InputError, match="no sheet S_Table3"):
        groebner_pairs()


def test_all_265_patients_are_known_though_most_have_no_lesion_of_the_genes(found):
    assert set(found.patients) == set(target_clinical().index)
    assert found.patients.is_monotonic_increasing
    assert found.lesions["patient"].nunique() == 43


def test_genes_of_relapse_are_seldom_mutated_at_diagnosis(found):
    # counted in the file by the spans of Ensembl; none in NT5C2, FPGS, PRPS1 and PRPS2
    mutated = found.lesions[found.lesions["type"] == "mutation"]
    known = {"CREBBP": 5, "WHSC1": 2, "MSH6": 1, "NR3C1": 1, "TP53": 1}
    assert mutated["gene"].value_counts().to_dict() == known
    assert (mutated["span"] == 1).all()
    assert found.lesions["span"].dtype == "int64"


def test_t_all_is_mutated_in_notch1_and_loses_cdkn2a(mirror):
    # the commonest lesions of T-ALL (Liu 2017): in well over half of the patients
    kinds = target_lesions(["NOTCH1", "CDKN2A"]).lesions.value_counts(["gene", "type"])
    assert kinds["NOTCH1", "mutation"] / 265 > 0.6
    assert kinds["CDKN2A", "loss"] / 265 > 0.7


def test_losses_of_whole_chromosomes_meet_a_gene_and_show_by_their_span(found):
    # chromosome 2 has 242,193,529 bases in GRCh38
    lost = found.lesions.query("gene == 'MSH2' and type == 'loss'").set_index("patient")["span"]
    assert lost.to_dict() == {"PASXUC": 241_788_703, "PATDGZ": 74_783_275}


@pytest.mark.parametrize(
    ("start", "end", "meets"),
    [
        (7_687_550, 7_687_550, True),
        (7_661_779, 7_661_779, True),
        (1, 80_000_000, True),
        (7_661_778, 7_661_778, False),
        (7_687_551, 7_700_000, False),
    ],
)
def test_a_lesion_meets_a_gene_by_a_single_base(start, end, meets, lesions):
    lesions(LESION | {"loc.start": float(start), "loc.end": float(end)})
    found = target_lesions()
    assert list(found.lesions["span"]) == [end - start + 1] * meets
    assert list(found.patients) == ["P1"]


def test_a_lesion_elsewhere_does_not_meet_the_gene(lesions):
    lesions(LESION | {"chrom": "16"})
    assert target_lesions(["TP53"]).lesions.empty


def test_of_several_lesions_of_a_type_the_smallest_counts(lesions):
    wide = LESION | {"lsn.type": "loss", "loc.start": 1.0}
    lesions(wide, LESION | {"lsn.type": "loss", "loc.start": 7_673_677.0}, LESION)
    table = target_lesions(["TP53"]).lesions
    assert dict(zip(table["type"], table["span"], strict=True)) == {"loss": 100, "mutation": 1}


def test_nsd2_is_called_whsc1(lesions):
    # p.E1099K, 4:1,961,074 in GRCh38
    lesions(LESION | {"chrom": "4", "loc.start": 1_961_074.0, "loc.end": 1_961_074.0})
    assert list(target_lesions().lesions["gene"]) == ["WHSC1"]


def test_unknown_genes_are_refused_by_name():
    with pytest.raises(InputError, match="no protein-coding gene NSD2, TP35 in GRCh38"):
        target_lesions(["TP53", "TP35", "NSD2"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"chrom": "chr17"}, "column chromosome: 'chr17' must be one of 1, 2"),
        ({"lsn.type": "twist"}, "column type: 'twist' must be one of mutation"),
        ({"loc.start": 8e6}, "row 0: the lesion ends before it starts"),
        ({"loc.start": 0.0}, "column start: 0.0 must be greater than 0"),
        ({"loc.end": "far"}, "column end: .*must be of type float64"),
    ],
    ids=str,
)
def test_a_faulty_lesion_is_refused_with_what_is_allowed(change, fault, lesions):
    lesions(LESION | change)
    with pytest.raises(InputError, match=f"(?s)lesion_data.rda.*{fault}"):
        target_lesions()


@pytest.mark.parametrize(("name", "ours"), [("lsn.type", "type"), ("loc.end", "end")])
def test_a_column_that_is_absent_is_named(name, ours, lesions):
    lesions({theirs: cell for theirs, cell in LESION.items() if theirs != name})
    with pytest.raises(InputError, match=f"1 fault:\n  column {ours}: the column is absent"):
        target_lesions()


def test_another_frame_in_the_place_of_the_lesions_is_refused(lesions):
    lesions(LESION, frame="clin_data")
    with pytest.raises(InputError, match="lesion_data: there is no such frame"):
        target_lesions()
