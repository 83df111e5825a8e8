"""Our own tables: written and read back the same, in either format, however cut into blocks."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allrelapse.data import tables
from allrelapse.data.cohort_file import CohortFile
from allrelapse.data.forms import native
from allrelapse.errors import InputError

IDS = st.from_regex(r"\A[A-Za-z][A-Za-z0-9._-]{0,8}\Z").filter(
    lambda text: text not in ("NA", "nan")
)
TEXTS = st.from_regex(r"\Ap\.[A-Z][0-9]{1,3}[A-Z,\"; é<&]{0,3}[A-Z]\Z")
WORDS = {
    "timing": ["very early", "early", "late"],
    "lineage": ["B", "T"],
    "sex": ["female", "male"],
    "status": ["alive", "dead"],
    "stage": list(tables.STAGES),
    "platform": ["genome", "exome", "panel"],
    "Chromosome": list(tables.CHROMOSOMES),
    "context": ["ACA", "TCG"],
    "Reference_Allele": ["C", "-"],
    "Tumor_Seq_Allele2": ["ACGT", "T"],
}
NUMBERS = {"t_alt_count": (0, 5), "t_depth": (5, 900), "Start_Position": (1, 10**8)}


def cells(name, column):
    """Values that a column may have, as they are in a frame."""
    dtype = str(column.dtype)
    if name in WORDS:
        values = st.sampled_from(WORDS[name])
    elif dtype == "str":
        ids = {"patient", "sample", "serial_sample", "line"}
        values = IDS if name in ids else TEXTS
    elif dtype == "boolean":
        values = st.booleans()
    elif dtype == "Int64":
        values = st.integers(*NUMBERS.get(name, (1, 50)))
    elif name.endswith("_day"):
        values = st.integers(1000, 5000).map(lambda n: n / 1000)
    else:
        values = st.integers(0, 1000).map(lambda n: n / 1000)
    return st.one_of(st.none(), values) if column.nullable else values


@st.composite
def frames(draw, name):
    """A frame that keeps the schema of a table, up to six rows."""
    columns = tables.SCHEMAS[name].columns
    row = st.tuples(*(cells(column, about) for column, about in columns.items()))
    key = next(iter(columns))
    rows = draw(st.lists(row, min_size=1, max_size=6, unique_by=lambda cell: cell[0]))
    frame = pd.DataFrame(rows, columns=list(columns)).astype({key: "object"})
    if name == "serial_samples":
        frame["day"] = np.arange(len(frame), dtype=float)
    types = {c: "object" if str(a.dtype) == "str" else str(a.dtype) for c, a in columns.items()}
    return frame.astype(types)


def written(folder, name, blocks, **settings):
    with native.Writer(folder, **settings) as writer:
        for block in blocks:
            writer.add({name: block})
    return native.find(folder, name)


@pytest.mark.parametrize("name", tables.SCHEMAS)
@settings(max_examples=12)
@given(data=st.data())
def test_a_table_comes_back_as_it_was_in_both_formats(tmp_path_factory, name, data):
    frame = data.draw(frames(name))
    folder = tmp_path_factory.mktemp("cohort")
    for csv in (False, True):
        path = written(folder / str(csv), name, [frame], csv=csv)
        pd.testing.assert_frame_equal(native.read_one(path, name), frame)


PEOPLE = pd.DataFrame(
    {
        "patient": [f"P{i}" for i in range(23)],
        "lineage": ["B", None, "T"] * 7 + ["B", "T"],
        "wbc": [i / 7 for i in range(23)],
        "mrd_below": pd.array([True, None] * 11 + [False], dtype="boolean"),
    }
)


@pytest.mark.parametrize("csv", [False, True], ids=["parquet", "csv"])
@pytest.mark.parametrize("group", [4, 10, 100_000])
def test_bytes_are_the_same_however_rows_are_cut_into_blocks(csv, group, tmp_path, monkeypatch):
    monkeypatch.setattr(native.Writer, "GROUP", group)
    found = set()
    for cuts in ([], [1], [4, 8], [5, 6, 20], list(range(1, 23))):
        edges = itertools.pairwise([0, *cuts, 23])
        blocks = [PEOPLE.iloc[a:b].reset_index(drop=True) for a, b in edges]
        path = written(tmp_path / str(len(cuts)), "patients", blocks, csv=csv)
        found.add(path.read_bytes())
    assert len(found) == 1


def test_a_number_in_csv_keeps_ten_digits(tmp_path):
    path = written(tmp_path, "patients", [PEOPLE], csv=True)
    read = native.read_one(path, "patients")["wbc"].to_numpy()
    np.testing.assert_allclose(read, PEOPLE["wbc"], rtol=1e-9)


def test_a_table_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "patients.parquet").touch()
    (tmp_path / "patients.csv").touch()
    with pytest.raises(InputError, match=r"has patients\.parquet and patients\.csv: keep one"):
        native.read(tmp_path, CohortFile())


def test_every_table_of_a_folder_is_read_and_faults_are_told_together(tmp_path):
    (tmp_path / "patients.csv").write_text("patient\nP1\n")
    (tmp_path / "samples.tsv").write_text("sample\tpatient\tstage\nS1\tP1\trelapse\n")
    found, build, notes = native.read(tmp_path, CohortFile())
    assert list(found) == ["patients", "samples"]
    assert (build, notes) == ("", [])
    (tmp_path / "patients.csv").write_text("patient\n<b>\n")
    (tmp_path / "samples.tsv").write_text("sample\tpatient\tstage\nS1\tP1\tlater\n")
    with pytest.raises(InputError) as caught:
        native.read(tmp_path, CohortFile())
    assert "patients.csv has 1 fault" in str(caught.value)
    assert "samples.tsv has 1 fault" in str(caught.value)


def test_parquet_of_other_tools_is_fitted_to_the_schema(tmp_path):
    """Others write whole numbers with gaps as decimals, and decimals without a point as whole."""
    frame = pd.DataFrame(
        {"sample": ["S1", "S1"], "Chromosome": ["1", "X"], "Start_Position": [5, 6]}
    ).assign(t_alt_count=[3.0, None], t_depth=[9.0, None], copy_number=[2, 3], context=None)
    frame["Chromosome"] = frame["Chromosome"].astype("category")
    frame.to_parquet(tmp_path / "mutations.parquet", index=False)
    found = native.read_one(tmp_path / "mutations.parquet", "mutations")
    types = {name: str(dtype) for name, dtype in found.dtypes.items()}
    assert types == {
        "sample": "object", "Chromosome": "object", "Start_Position": "Int64",
        "t_alt_count": "Int64", "t_depth": "Int64", "copy_number": "float64", "context": "object",
    }  # fmt: skip
    assert found["t_alt_count"].tolist() == [3, pd.NA]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"wbc": "many"}, "row 1, column wbc: 'many' must be of type float64"),
        ({"dose": 1}, "column dose: not a column of this table"),
        ({"wbc": [-1.0, 2.0]}, "row 1, column wbc: -1.0 must be in range 0, 5000"),
        ({"patient": ["P1", "P1"]}, "row 2, column patient: 'P1' must not occur twice"),
        ({"patient": ["P1", None]}, "row 2, column patient: None must not be empty"),
    ],
)
def test_a_parquet_table_that_breaks_the_schema_is_told_by_row_and_column(change, fault, tmp_path):
    frame = pd.DataFrame({"patient": ["P1", "P2"], "wbc": [1.0, 2.0]}).assign(**change)
    frame.to_parquet(tmp_path / "patients.parquet", index=False)
    with pytest.raises(InputError) as caught:
        native.read_one(tmp_path / "patients.parquet", "patients")
    assert fault in str(caught.value)


def test_a_parquet_table_without_a_needed_column_is_told(tmp_path):
    pd.DataFrame({"sample": ["S1"]}).to_parquet(tmp_path / "samples.parquet", index=False)
    with pytest.raises(InputError, match="column patient: the column is absent: add it"):
        native.read_one(tmp_path / "samples.parquet", "samples")


def test_rules_between_columns_hold_where_columns_are_absent(tmp_path):
    text = "sample,Chromosome,Start_Position,t_alt_count\nS1,1,5,7\n"
    (tmp_path / "mutations.csv").write_text(text)
    found = native.read_one(tmp_path / "mutations.csv", "mutations")
    assert list(found) == text.splitlines()[0].split(",")
