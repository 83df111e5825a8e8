"""Whatever a user's file is: a table within bounds, or one error that names the place."""

import datetime
import gzip
import io
import os
import time
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data import files, schemas, tables
from allrelapse.errors import InputError

TEXT = "patient,relapse_day,sex\nP1,100,male\nP2,400.5,\n"
HEADER, ROWS = ["patient", "relapse_day", "sex"], [["P1", "100", "male"], ["P2", "400.5", ""]]
SHEET = "xl/worksheets/sheet1.xml"
SHEET_XML = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{}</sheetData></worksheet>"
)


def workbook(path, rows, **more):
    book = openpyxl.Workbook()
    for name, content in {"first": rows, **more}.items():
        sheet = book.active if name == "first" else book.create_sheet(name)
        for row in content:
            sheet.append(row)
    book.save(path)
    return path


def changed(path, part, content):
    """The workbook with one of its parts replaced."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, old in parts.items():
            archive.writestr(name, content if name == part else old)
    return path


def inline(cells, row=""):
    texts = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in cells)
    return f"<row{row}>{texts}</row>"


def refused(path, reader=files.read, **settings):
    with pytest.raises(InputError) as caught:
        reader(path, **settings)
    assert path.name in str(caught.value)
    return str(caught.value)


def read_or_refused(path):
    """Nothing but an InputError that names the file may come out instead of a table."""
    told = path.name
    try:
        (files.read_parquet if path.suffix == ".parquet" else files.read)(path)
    except InputError as error:
        told = str(error)
    assert path.name in told


@pytest.fixture
def book(tmp_path):
    return workbook(tmp_path / "cohort.xlsx", [["patient", "sex"], ["P1", "male"]])


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace("patient", '" patient \n"'),
        TEXT + ",,\n , ,\n",
        TEXT.replace("\n", ",,\n"),
        TEXT.replace(",", ", ,").replace(", ,", ",,"),
    ],
    ids=[
        "plain", "byte-order mark", "Windows", "old Mac", "semicolons", "tabs", "blank in a name",
        "blank rows", "blank columns behind", "blank columns between",
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["table.csv", "table.TSV", "table.txt", "table.csv.gz"])
def test_text_comes_as_the_same_cells_however_it_is_written(content, ending, tmp_path):
    raw = content.encode()
    (tmp_path / ending).write_bytes(gzip.compress(raw) if ending.endswith("gz") else raw)
    found = files.read(tmp_path / ending)
    assert (found.header, found.rows) == (HEADER, ROWS)


def test_lines_above_the_names_are_left_out_and_still_counted(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"Table S1, patients\n#version 2.4\n# more, and more\n\n{TEXT}#P3,1,\n")
    found = files.read(path, skip=1, comments="#")
    assert found.header == HEADER
    assert found.rows == [*ROWS, ["#P3", "1", ""]]
    assert found.lines == [6, 7, 8]


def test_rows_above_the_names_of_a_sheet_are_left_out_and_still_counted(tmp_path):
    rows = [["Table S1"], [], ["# made by hand"], ["patient", "sex"], ["P1", "male"], [], ["P2"]]
    path = workbook(tmp_path / "a.xlsx", rows)
    found = files.read(path, skip=1, comments="#")
    assert found.header == ["patient", "sex"]
    assert found.rows == [["P1", "male"], ["P2", ""]]
    assert found.lines == [5, 7]


def test_every_kind_of_cell_comes_as_one_would_type_it(tmp_path):
    day = datetime.datetime(2019, 3, 1)
    cells = {
        "whole": (3, "3"),
        "whole float": (3.0, "3"),
        "decimal": (0.1, "0.1"),
        "small": (2.5e-9, "2.5e-09"),
        "large": (123456789012, "123456789012"),
        "true": (True, "true"),
        "day": (day, "2019-03-01"),
        "time": (day.replace(hour=13), "2019-03-01T13:00:00"),
        "text": ("<b>P1</b>", "<b>P1</b>"),
        "text of digits": ("007", "007"),
        "gap": (None, ""),
    }
    path = workbook(tmp_path / "a.xlsx", [list(cells), [value for value, _ in cells.values()]])
    found = files.read(path)
    assert dict(zip(found.header, found.rows[0], strict=True)) == {
        name: text for name, (_, text) in cells.items()
    }


def test_merged_cells_blank_rows_and_blank_columns_of_a_sheet_are_blanks(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["patient", "sex", None, "wbc"], ["P1", "male", "", 1]])
    book = openpyxl.load_workbook(path)
    book.active.append([])
    book.active.append(["P2", None, None, 2])
    book.active.merge_cells("B2:B4")
    book.active["AB9"] = " "
    book.save(path)
    found = files.read(path)
    assert found.header == ["patient", "sex", "wbc"]
    assert found.rows == [["P1", "male", "1"], ["P2", "", "2"]]
    assert found.lines == [2, 4]


def test_a_sheet_is_found_by_name_and_a_wrong_name_is_told(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["a"], ["1"]], Patients=[["b"], ["2"]])
    assert files.read(path).header == ["a"]
    assert files.read(path, sheet="Patients").header == ["b"]
    assert "did you mean Patients?" in refused(path, sheet="patients")
    assert "it has first, Patients" in refused(path, sheet="S7").replace("Sheet", "first")
    (tmp_path / "a.csv").write_text(TEXT)
    assert "remove `sheet`" in refused(tmp_path / "a.csv", sheet="Patients")


def test_formulas_and_errors_of_a_sheet_are_all_told(tmp_path):
    rows = [["patient", "wbc", None], ["P1", "=1+1"], ["P2", "#REF!", "=A1"], ["P3", 3]]
    assert refused(workbook(tmp_path / "a.xlsx", rows)).splitlines()[1:] == [
        "  line 2, column wbc: is a formula; paste its value",
        "  line 3, column wbc: #REF! is an error of the spreadsheet; correct it",
        "  line 3, column C: is a formula; paste its value",
    ]


def test_text_that_only_looks_like_a_formula_stays_text(book):
    content = SHEET_XML.format(inline(["patient"]) + inline(["=cmd()"]))
    assert files.read(changed(book, SHEET, content)).rows == [["=cmd()"]]


@pytest.mark.parametrize("number", ["1000000000", "1048577", "99999999999999999999", "x", "1e400"])
def test_a_row_far_below_is_refused_at_once(number, book):
    row = inline(["P1"], f' r="{number}"')
    changed(book, SHEET, SHEET_XML.format(inline(["patient"]) + row))
    begun = time.perf_counter()
    assert "reaches beyond" in (told := refused(book)) or "cannot be read" in told
    assert time.perf_counter() - begun < 5


def test_a_cell_far_to_the_right_is_refused(book):
    far = '<row><c r="ZZZ2"><v>1</v></c></row>'
    changed(book, SHEET, SHEET_XML.format(inline(["patient"]) + far))
    assert "reaches beyond" in refused(book)


def test_a_wide_header_does_not_make_every_short_row_wide(book, monkeypatch):
    monkeypatch.setattr("allrelapse.data.workbook.CELLS", 5_000)
    wide = inline([f"c{i}" for i in range(100)]) + inline(["P1"]) * 60
    assert "5,000 cells" in refused(changed(book, SHEET, SHEET_XML.format(wide)))


def test_a_workbook_that_would_fill_the_memory_is_refused(book):
    with (
        zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(301):
            part.write(b" " * 1_000_000)
    assert book.stat().st_size < 1_000_000
    assert "more than 300,000,000 bytes" in refused(book)


def test_a_part_that_says_it_is_small_is_not_read_beyond_that(book):
    """zipfile stops at the size of the directory, and then finds that the checksum is wrong."""
    changed(book, SHEET, SHEET_XML.format(inline(["patient"]) + inline(["P1"]) * 5000))
    with zipfile.ZipFile(book) as archive:
        size = archive.getinfo(SHEET).file_size
    raw = book.read_bytes()
    assert raw.count(size.to_bytes(4, "little")) == 2
    book.write_bytes(raw.replace(size.to_bytes(4, "little"), (900).to_bytes(4, "little")))
    assert "cannot be read" in refused(book)


def test_many_tags_are_refused_before_they_fill_the_memory(book, monkeypatch):
    monkeypatch.setattr("allrelapse.data.workbook.TAGS", 10_000)
    assert "too many cells" in refused(changed(book, SHEET, SHEET_XML.format("<a/>" * 10_001)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused(encoding, book):
    laughs = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + SHEET_XML.format(
        inline(["&b;"])
    )
    changed(book, SHEET, laughs.encode(encoding))
    assert "defines XML entities" in refused(book)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0", "save it as CSV in UTF-8, or as .xlsx"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1", "has a password"),
        ("a.xlsx", TEXT.encode(), "cannot be read as a workbook"),
        ("a.xlsx", b"", "cannot be read as a workbook"),
        ("a.ods", b"PK", "no known format"),
        ("a", b"x", "no known format"),
        ("a.csv", b"PK\x03\x04\xff\x00", "is not UTF-8"),
        ("a.csv", b"", "no rows"),
        ("a.csv", b"patient,sex\n", "no rows"),
        ("a.csv", TEXT.encode("utf-16"), "is not UTF-8"),
        ("a.csv.gz", TEXT.encode(), "cannot be read"),
        ("a.csv.gz", gzip.compress(TEXT.encode(), mtime=0)[:-9], "is damaged"),
        ("a.csv.gz", gzip.compress(TEXT.encode(), mtime=0)[:20] + b"x" * 30, "is damaged"),
        ("a.csv", TEXT.encode() + b"P3,1\n", "line 4: has 2 cells, the header has 3"),
        ("a.csv", TEXT.encode() + b"P3,1,,x\n", "line 4: has 4 cells, the header has 3"),
        ("a.csv", b"patient,patient \nP1,P1\n", "column patient: occurs 2 times"),
        ("a.csv", b"a," * 20_000, "more than 16,384 cells"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert reason in refused(tmp_path / name)


def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    assert "there is no such file" in refused(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is no regular file" in refused(tmp_path / "pipe.csv")


def test_a_gzip_bomb_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 50_000_000)
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b"0" * 1_000_000)
    begun = time.perf_counter()
    assert "more than 50,000,000 bytes" in refused(tmp_path / "a.csv.gz")
    assert time.perf_counter() - begun < 2


def test_a_table_with_too_many_rows_or_an_endless_line_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("a\n" + "1\n" * 101)
    monkeypatch.setattr(files, "ROWS", 101)
    assert len(files.read(tmp_path / "a.csv").rows) == 101
    monkeypatch.setattr(files, "ROWS", 100)
    assert "line 102: only 100 rows are read" in refused(tmp_path / "a.csv")
    monkeypatch.setattr("allrelapse.data.cells.LONGEST", 1000)
    (tmp_path / "a.csv").write_text("a,b\n1," + "1" * 1000)
    assert "line 2: has more than 1,000 characters" in refused(tmp_path / "a.csv")


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", "a.tsv.gz", "a.parquet"]))
def test_whatever_the_bytes_only_an_input_error_comes_out(tmp_path_factory, content, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    read_or_refused(path)


def _raw(name):
    """A good file of each kind."""
    stream = io.BytesIO()
    if name == "a.parquet":
        frame = pd.DataFrame({"patient": ["P1", "P2"] * 50, "n": range(100), "x": 0.5})
        frame.to_parquet(stream, index=False)
    elif name == "a.xlsx":
        workbook(stream, [HEADER, *ROWS * 20])
    else:
        stream.write(gzip.compress(TEXT.encode(), mtime=0))
    return stream.getvalue()


GOOD = {name: _raw(name) for name in ("a.parquet", "a.xlsx", "a.csv.gz")}


@pytest.mark.parametrize("name", GOOD)
@given(at=st.floats(0, 1), byte=st.binary(min_size=0, max_size=3), cut=st.booleans())
def test_whatever_is_damaged_only_an_input_error_comes_out(tmp_path_factory, name, at, byte, cut):
    raw = GOOD[name]
    place = int(at * len(raw))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(raw[:place] + (b"" if cut else byte + raw[place + len(byte) :]))
    read_or_refused(path)


@given(st.integers(0, 2000), st.sampled_from(["<", "&", '"', "r=", "t=", "9", "-", "\x00", "é"]))
def test_whatever_stands_in_a_sheet_only_an_input_error_comes_out(tmp_path_factory, at, text):
    path = tmp_path_factory.getbasetemp() / "b.xlsx"
    path.write_bytes(GOOD["a.xlsx"])
    with zipfile.ZipFile(path) as archive:
        xml = archive.read(SHEET).decode()
    changed(path, SHEET, (xml[:at] + text + xml[at + len(text) :]).encode())
    read_or_refused(path)


def typed(header, row, name, *, book=None):
    """What is wrong with one row of a table, read from a workbook."""
    with pytest.raises(InputError) as caught:
        schemas.typed(files.read(workbook(book, [header, row])), tables.SCHEMAS[name], "T")
    return str(caught.value).splitlines()[1:]


@pytest.mark.parametrize(
    "value", [datetime.datetime(2019, 3, 1), "2019-03-01", "01/03/2019", "1.3.2019"]
)
def test_a_date_where_days_belong_is_told_with_the_mend(value, tmp_path):
    told = typed(["patient", "relapse_day"], ["P1", value], "patients", book=tmp_path / "a.xlsx")
    assert len(told) == 1
    assert "line 2, column relapse_day:" in told[0]
    assert "is a date; for a time, give days since diagnosis, or map it with `since`" in told[0]


@pytest.mark.parametrize(
    "gene",
    [
        datetime.datetime(2019, 9, 2), "2019-09-02", "2-Sep", "Sep-02", "1-Mar", "MAR-01", "1-Dec",
        "2-Sep-19", "02/09/2019", "March-01",
    ],
)  # fmt: skip
def test_a_gene_that_a_spreadsheet_turned_into_a_date_is_told(gene, tmp_path):
    header = ["sample", "Chromosome", "Start_Position", "Hugo_Symbol"]
    told = typed(header, ["S1", "1", 5, gene], "mutations", book=tmp_path / "a.xlsx")
    assert len(told) == 1
    assert "a gene name that a spreadsheet turned into a date; give the gene's name" in told[0]


@pytest.mark.parametrize(
    "gene", ["MARCH1", "SEPT2", "DEC1", "SEPTIN2", "HLA-A", "NKX2-1", "MT-CO1"]
)
def test_genes_that_only_sound_like_months_are_genes(gene, tmp_path):
    row = ["S1", "1", 5, gene]
    header = ["sample", "Chromosome", "Start_Position", "Hugo_Symbol"]
    cells = files.read(workbook(tmp_path / "a.xlsx", [header, row]))
    assert schemas.typed(cells, tables.SCHEMAS["mutations"], "T")["Hugo_Symbol"].tolist() == [gene]


@pytest.mark.parametrize(
    "patient", ["<img src=x onerror=alert(1)>", "../../etc", "=1+1", "x" * 10**5]
)
def test_hostile_cells_are_refused_and_cut_short(patient, tmp_path):
    (tmp_path / "a.csv").write_text(f"patient\n{patient}\n")
    with pytest.raises(InputError) as caught:
        schemas.read_table(tmp_path / "a.csv", tables.SCHEMAS["patients"])
    assert "line 2, column patient:" in str(caught.value)
    assert len(str(caught.value).splitlines()[1]) < 200


def test_a_hostile_column_name_is_cut_short_and_quoted(tmp_path):
    (tmp_path / "a.csv").write_text(f"patient,\x1b[2J{'x' * 10**5}\nP1,1\n")
    told = refused(tmp_path / "a.csv", lambda p: schemas.read_table(p, tables.SCHEMAS["patients"]))
    assert "\x1b" not in told
    assert len(told) < 300


def test_the_names_of_the_users_columns_are_told_beside_ours():
    found = files.Cells(["patient", "age_years"], [["P1", "old"]], [7])
    with pytest.raises(InputError, match=r"line 7, column Age \(ours: age_years\): 'old' must be"):
        schemas.typed(found, tables.SCHEMAS["patients"], "T", {"age_years": "Age"})


def test_parquet_comes_in_types_that_hold_gaps(tmp_path):
    table = pa.table(
        {
            "text": pa.array(["a", None, "NA"]),
            "large": pa.array(["a", "", "b"], pa.large_string()),
            "words": pa.array(["x", "x", None]).dictionary_encode(),
            "whole": pa.array([1, None, 3], pa.int8()),
            "unsigned": pa.array([1, 2, 3], pa.uint64()),
            "decimal": pa.array([1.5, None, 3], pa.float32()),
            "truth": pa.array([True, None, False]),
            "nothing": pa.nulls(3),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    expected = pd.DataFrame(
        {
            "text": pd.Series(["a", None, None], dtype="object"),
            "large": pd.Series(["a", None, "b"], dtype="object"),
            "words": pd.Series(["x", "x", None], dtype="object"),
            "whole": pd.Series([1, None, 3], dtype="Int64"),
            "unsigned": pd.Series([1, 2, 3], dtype="Int64"),
            "decimal": [1.5, None, 3.0],
            "truth": pd.Series([True, None, False], dtype="boolean"),
            "nothing": pd.Series([None] * 3, dtype="object"),
        }
    )
    pd.testing.assert_frame_equal(files.read_parquet(tmp_path / "a.parquet"), expected)


def test_parquet_columns_of_other_types_are_all_told(tmp_path):
    columns = {
        "when": pa.array([datetime.datetime(2019, 3, 1)]),
        "list": pa.array([[1]]),
        "nest": pa.array([{"a": 1}]),
        "raw": pa.array([b"x"]),
        "good": pa.array([1]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    told = refused(tmp_path / "a.parquet", files.read_parquet).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in told] == [
        "column when", "column list", "column nest", "column raw"
    ]  # fmt: skip
    assert "give days since diagnosis" in told[0]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.array([2**63], pa.uint64()), "cannot be read as Parquet"),
        (pa.array([float("inf")]), "column x: has infinite numbers"),
    ],
)
def test_parquet_numbers_beyond_limits_are_refused(values, reason, tmp_path):
    pq.write_table(pa.table({"x": values}), tmp_path / "a.parquet")
    assert reason in refused(tmp_path / "a.parquet", files.read_parquet)


def test_parquet_is_bounded_by_what_its_metadata_says(tmp_path, monkeypatch):
    pq.write_table(pa.table({"x": ["a" * 100] * 1000}), tmp_path / "a.parquet")
    monkeypatch.setattr(files, "PARQUET_ROWS", 999)
    assert "more than 999 rows" in refused(tmp_path / "a.parquet", files.read_parquet)
    monkeypatch.setattr(files, "PARQUET_ROWS", 1000)
    monkeypatch.setattr(files, "LARGEST", 100)
    assert "more than 100 bytes" in refused(tmp_path / "a.parquet", files.read_parquet)


def test_a_long_text_that_repeats_in_parquet_is_kept_once(tmp_path):
    words = pa.DictionaryArray.from_arrays([0] * 50_000, ["a" * 100_000])
    pq.write_table(pa.table({"x": words}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    texts = files.read_parquet(tmp_path / "a.parquet")["x"]
    assert len({id(text) for text in texts}) < 50
