"""The committed exercises: both editions of one source, the key, and every named slip."""

import csv

import nbformat
import pytest

from allrelapse.classroom import (
    editions,
    fence,
    grade_class,
    gradebook,
    key,
    make_class,
    rehearsal,
    slips,
)

MASTERS = editions.masters()
NAMES = [path.stem for path in MASTERS]
BY_NAME = dict(zip(NAMES, MASTERS, strict=True))
NAMED_IN_THE_COURSE = {
    "IGNORED_CENSORING",
    "IMMORTAL_TIME",
    "EXOME_SIGNATURES",
    "UNADJUSTED",
    "HEAVY_TAIL_MEAN",
    "TREND_ON_INVERTED_U",
}
LIMITS = fence.Limits(seconds=900)  # CI is busy, and code not compiled yet


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A class of three: one who knows all, one who did nothing, one who slips everywhere."""
    root = tmp_path_factory.mktemp("class")
    (root / "roster.csv").write_text("student,seed\nknows,1\nidle,2\nslips,3\n")
    make_class.make(root / "roster.csv", root / "made", cores=2)
    return root / "made"


@pytest.fixture(scope="module")
def graded(place):
    """The gradebook, and what masters expect, both by student and exercise."""
    submissions, keys = place.parent / "submissions", {}
    for master in MASTERS:
        for who, notebook in (
            ("knows", rehearsal.solved(master)),
            ("idle", editions.exercise(master).given),
            ("slips", rehearsal.mistaken(master, 0)),
        ):
            (submissions / who).mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, submissions / who / master.name)
    rows = gradebook.rows

    def listening(one, exercise, amiss, end, key, fault):
        keys[one["student"], exercise.name] = key
        return rows(one, exercise, amiss, end, key, fault)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradebook, "rows", listening)
        grade_class.grade(submissions, place, limits=LIMITS, cores=2)
    with (place / "grades" / "gradebook.csv").open(newline="", encoding=gradebook.ENCODING) as file:
        rows = list(csv.DictReader(file))
    return {
        (who, name): [r for r in rows if (r["student"], r["exercise"]) == (who, name)]
        for who, name in keys
    }, keys


@pytest.fixture(scope="module")
def book(graded):
    return graded[0]


@pytest.fixture(scope="module")
def keys(graded):
    return graded[1]


def test_there_are_five_exercises():
    assert [name[:3] for name in NAMES] == ["01_", "02_", "03_", "04_", "05_"]


@pytest.mark.parametrize("name", NAMES)
def test_a_solution_gets_all_points(book, name):
    for row in book["knows", name]:
        assert (row["points"], row["feedback"]) == (f"{float(row['of'])}", "Right."), row


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_edition_gets_none_and_is_told_so(book, name):
    for row in book["idle", name]:
        assert row["points"] == "0.0"
        assert "no answer" in row["feedback"], row


@pytest.mark.parametrize("name", NAMES)
def test_a_student_who_slips_is_told_the_slip(book, keys, name):
    told = 0
    for row in book["slips", name]:
        for about in keys["slips", name][row["question"]]:
            for message, wrong in about["slips"][:1]:
                if not key.same(wrong[0], about["value"], about):
                    assert message in row["feedback"], row
                    assert f"`{about['name']}`" in row["feedback"], row
                    assert float(row["points"]) < float(row["of"])
                    told += 1
    assert told > 3


@pytest.mark.parametrize("name", NAMES)
def test_every_slip_of_a_master_is_recognised_on_some_cohort(keys, name):
    recognised = {}
    for who in ("knows", "idle", "slips"):
        for question, expected in keys[who, name].items():
            for about in expected:
                for message, wrong in about["slips"] + about["follows"]:
                    answers = [{about["name"]: {"value": value}} for value in wrong]
                    found = [gradebook.judged([about], one, [], 1)[1] for one in answers]
                    hit = any(text == f"`{about['name']}`: {message}" for text in found)
                    slip = question, about["name"], message
                    recognised[slip] = recognised.get(slip, False) or hit
    assert [slip for slip, hit in recognised.items() if not hit] == []


def test_the_slips_of_the_course_are_all_in_some_master(keys):
    told = {
        message
        for expected in keys.values()
        for abouts in expected.values()
        for about in abouts
        for message, _ in about["slips"]
    }
    assert {getattr(slips, name) for name in NAMED_IN_THE_COURSE} <= told


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_solution_or_hidden_test_is_in_a_students_folder(place, name):
    secret, given = set(), set()
    for _, source in editions.code(nbformat.read(BY_NAME[name], as_version=4)):
        hidden = False
        for line in map(str.strip, source.splitlines()):
            hidden = hidden or line.startswith("### BEGIN")
            (secret if hidden else given).add(line)
            hidden = hidden and not line.startswith("### END")
    secret = {line for line in secret - given if len(line) > 12}
    assert len(secret) > 20
    lines, others = set(), ""
    for path in (place / "students" / "idle").rglob("*.*"):
        if path.suffix == ".ipynb":
            sources = [c.source + str(c.get("outputs")) for c in nbformat.read(path, 4).cells]
            lines |= {line.strip() for source in sources for line in source.splitlines()}
        else:
            others += path.read_bytes().decode(errors="replace")
    assert secret & lines == set()
    assert not any(line in others for line in secret)
    assert not any("key.expect" in line or "slips." in line for line in lines)


def test_no_planted_truth_is_in_a_students_folder(place):
    folder = place / "students" / "idle"
    assert not list(folder.rglob("*truth*"))
    names = {path.stem for path in (folder / "cohort").iterdir()}
    assert names == {
        "cohort", "patients", "samples", "mutations", "serial_samples", "serial_variants",
        "drug_response",
    }  # fmt: skip


@pytest.mark.parametrize("path", MASTERS, ids=NAMES)
def test_masters_follow_the_rules_of_the_house(path):
    notebook = nbformat.read(path, as_version=4)
    assert [cell.id for cell in notebook.cells] == [
        f"cell-{n:02d}" for n in range(len(notebook.cells))
    ]
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells)
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert words.startswith("# Exercise ")
    assert "?" in words.splitlines()[0]
    for part in ("You will learn", "You need", "minutes", "## For discussion", "docs/primer.md#"):
        assert part in words, part
    assert 15 <= sum(editions.exercise(path).points.values()) <= 30
