"""Tables at the door: every fault becomes one error that names the place."""

import csv
import io

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data.schemas import read_table, validate
from allrelapse.errors import InputError

SCHEMA = pa.DataFrameSchema(
    {
        "patient": pa.Column(str, unique=True),
        "age": pa.Column(int, pa.Check.in_range(0, 18)),
        "wbc": pa.Column(float, pa.Check.gt(0), nullable=True),
        "relapse": pa.Column(bool),
        "days": pa.Column("Int64", nullable=True),
    }
)
HEADER = ["patient", "age", "wbc", "relapse", "days"]
ROWS = [[f"P{i}", str(i), f"{i}.5", "true", str(100 * i)] for i in range(1, 6)]
GOOD = ",".join(HEADER) + "\n" + "".join(",".join(row) + "\n" for row in ROWS)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write content to one file again and again; gives its path."""
    path = tmp_path_factory.mktemp("tables") / "patients.csv"

    def write(content):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def message(path, schema=SCHEMA):
    with pytest.raises(InputError) as caught:
        read_table(path, schema)
    assert str(path) in str(caught.value)
    return str(caught.value)


def as_csv(header, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def test_a_good_table_comes_in_the_types_of_its_schema(written):
    table = read_table(written(GOOD), SCHEMA)
    assert table.dtypes.astype(str).tolist() == ["object", "int64", "float64", "bool", "Int64"]
    assert table["wbc"].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", "\t"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("\nP3", "\n\nP3"),
        lambda text: text.replace("P2", '"P2"').replace("true", "TRUE"),
    ],
    ids=["tabs", "byte-order mark", "Windows", "no last newline", "blank line", "quotes"],
)
def test_harmless_ways_to_write_a_table_make_no_difference(change, written):
    expected = read_table(written(GOOD), SCHEMA)
    pd.testing.assert_frame_equal(read_table(written(change(GOOD)), SCHEMA), expected)


@pytest.mark.parametrize("text", ["", "NA", "NaN", "nan"])
def test_missing_cells_are_kept_where_they_may_be(text, written):
    table = read_table(written(GOOD.replace("2.5", text).replace("300", text)), SCHEMA)
    assert table["wbc"].isna().tolist() == [False, True, False, False, False]
    assert table["days"].isna().tolist() == [False, False, True, False, False]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(written):
    rows = [list(row) for row in ROWS]
    rows[0][1], rows[1][1], rows[1][3], rows[3][0], rows[4][2] = "", "19", "maybe", "P3", "-1"
    lines = message(written(as_csv([*HEADER[:4], "dose"], rows))).splitlines()[1:]
    assert [line.strip() for line in lines] == [
        "column dose: not a column of this table: remove it or correct its name",
        "column days: the column is absent: add it",
        "line 2, column age: '' must not be empty",
        "line 3, column relapse: 'maybe' must be true or false",
        "line 3, column age: 19 must be in range 0, 18",
        "line 4, column patient: 'P3' must not occur twice in the column",
        "line 5, column patient: 'P3' must not occur twice in the column",
        "line 6, column wbc: -1.0 must be greater than 0",
    ]


def test_a_long_list_of_faults_is_cut_after_twenty(written):
    rows = [[f"P{i}", "old", "1", "1", "1"] for i in range(33)]
    lines = message(written(as_csv(HEADER, rows))).splitlines()
    assert lines[0].endswith("has 33 faults:")
    assert len(lines) == 22
    assert lines[-1].strip() == "... and 13 more"


def test_lines_are_counted_as_an_editor_counts_them(written):
    text = GOOD.replace("P1", '"P\n1"').replace("\nP3", "\n\nP3").replace(",3.5,", ",many,")
    assert "line 6, column wbc: 'many'" in message(written(text))


@pytest.mark.parametrize(
    "number", ["1_000", "0x10", "1,5", " 1", "1e999", "inf", "-Infinity", "\u0663", "1.5.2", "--1"]
)
def test_what_is_no_plain_number_is_refused(number, written):
    rows = [list(row) for row in ROWS]
    rows[2][2] = number
    assert "line 4, column wbc" in message(written(as_csv(HEADER, rows)))


@pytest.mark.parametrize("number", ["2.5", "1e1", "9" * 30, "true", "+"])
def test_what_is_no_whole_number_is_refused(number, written):
    rows = [list(row) for row in ROWS]
    rows[2][4] = number
    assert "line 4, column days" in message(written(as_csv(HEADER, rows)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no rows"),
        (b"\n\n", "no rows"),
        (b"patient,age\n", "no rows"),
        (b"patient,age\nP1,caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (GOOD.encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        (b"\x1f\x8b\x08\x00binary", "is not UTF-8"),
        (b"patient,age\nP1,\x00\n", "line 2: byte 0x00 is not UTF-8"),
        (b'patient,age\nP1,"1\nP2,2\n', "line 2: cannot be split"),
        (b"patient,age\nP1," + b"1" * 200_000 + b"\n", "line 2: cannot be split"),
        (b"patient,age,age\nP1,1,1\n", "column age: occurs 2 times"),
        (b"patient,\nP1,1\n", "column 2: has no name"),
        (b"patient,age\nP1,1\nP2\nP3,3,3\n", "line 3: has 1 cells, the header has 2"),
    ],
    ids=[
        "empty", "blank", "header", "latin-1", "utf-16", "gzip", "NUL", "open quote", "huge cell",
        "twice", "nameless", "ragged",
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_with_the_reason(content, reason, written):
    assert reason in message(written(content))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    assert "there is no such file" in message(tmp_path / "none.csv")
    assert "is a folder" in message(tmp_path)


@given(st.data())
def test_any_one_fault_is_told_with_its_line_and_column(written, data):
    row, column = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 4))
    bad = {
        1: ["", "x", "1.5", "-1", "19"],
        2: ["x", "0", "-1", "inf"],
        3: ["", "yes", "2"],
        4: ["x", "0.5"],
    }
    rows = [list(cells) for cells in ROWS]
    rows[row][column] = data.draw(st.sampled_from(bad[column]))
    lines = message(written(as_csv(HEADER, rows))).splitlines()
    assert len(lines) == 2
    assert f"line {row + 2}, column {HEADER[column]}:" in lines[1]


@given(st.permutations(HEADER), st.integers(0, 4))
def test_an_absent_column_is_told_by_name(written, order, gone):
    rows = [[row[HEADER.index(name)] for name in order if name != HEADER[gone]] for row in ROWS]
    told = message(written(as_csv([name for name in order if name != HEADER[gone]], rows)))
    assert f"column {HEADER[gone]}: the column is absent" in told


@given(st.integers(0, 4), st.integers(0, 9).filter(lambda width: width not in (0, 5)))
def test_a_row_of_another_width_is_told_by_its_line(written, row, width):
    rows = [list(cells) for cells in ROWS]
    rows[row] = (rows[row] + ["1"] * 5)[:width]
    assert f"line {row + 2}: has {width} cells" in message(written(as_csv(HEADER, rows)))


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda s: GOOD[:60] + s)))
def test_whatever_the_bytes_only_a_table_or_an_input_error_comes_out(written, content):
    try:
        told = ", ".join(read_table(written(content), SCHEMA))
    except InputError as error:
        told = str(error)
    assert "patients.csv" in told or told == ", ".join(HEADER)


def test_validate_names_the_source_the_row_label_and_the_column():
    frame = pd.DataFrame({"age": [3, 20]}, index=["PAT1", "PAT2"])
    schema = pa.DataFrameSchema({"age": pa.Column(int, pa.Check.le(18))})
    with pytest.raises(InputError, match="the cohort") as caught:
        validate(frame, schema, "the cohort")
    assert "row PAT2, column age: 20 must be less than or equal to 18" in str(caught.value)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"age": ["3", "4"]}), "column age: found object, must be of type int64"),
        (pd.DataFrame({"age": [1, 2], "sex": "f"}), "column sex: not a column of this table"),
        (pd.DataFrame([[1, 2]], columns=["age", "age"]), "column age: occurs twice"),
        (pd.DataFrame({"sex": ["f"]}), "column age: the column is absent"),
    ],
    ids=["type", "unknown", "twice", "absent"],
)
def test_validate_refuses_columns_that_are_not_of_the_schema(frame, reason):
    with pytest.raises(InputError, match=reason):
        validate(frame, pa.DataFrameSchema({"age": pa.Column(int)}), "frame")


BELOW = pa.DataFrameSchema(
    {"low": pa.Column(int), "high": pa.Column(int)},
    checks=[pa.Check(lambda frame: frame["low"] < frame["high"], error="low must be below high")],
)


def test_a_rule_between_columns_is_told_once_per_row(written):
    told = message(written("low,high\n1,3\n5,4\n"), BELOW)
    assert told.splitlines()[1:] == ["  line 3: low must be below high"]


def test_a_rule_between_columns_waits_until_their_cells_are_whole(written):
    told = message(written("low,high\n1,x\n5,4\n"), BELOW)
    assert told.splitlines()[1:] == ["  line 2, column high: 'x' must be a whole number"]


def test_a_combination_that_occurs_twice_is_told_with_both_lines(written):
    schema = pa.DataFrameSchema({"a": pa.Column(str), "b": pa.Column(int)}, unique=["a", "b"])
    told = message(written("a,b\nx,1\nx,2\nx,1\n"), schema)
    assert [line.split(":")[0].strip() for line in told.splitlines()[1:]] == [
        "line 2, column a, b",
        "line 4, column a, b",
    ]


def test_a_schema_is_left_as_it_was():
    schema = pa.DataFrameSchema({"age": pa.Column(int)})
    validate(pd.DataFrame({"age": [1]}), schema, "frame")
    assert schema.strict is False
