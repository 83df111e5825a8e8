"""What data/README.md says of cohorts is so: its tables, its words and numbers, its examples."""

import importlib.util
import itertools
import re
import shlex

import pytest
from click.testing import CliRunner

from allrelapse import cli, paths, yamls
from allrelapse.data import cells, cohort, contexts, files, workbook
from allrelapse.data.forms import cbioportal, vcf
from allrelapse.simulate import settings

README = (paths.DATA / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'^```(?!console)\w+ title="([^"]+)"\n(.*?)^```$', README, re.M | re.S))
TOLD = dict(re.findall(r'^```console title="([^"]+)"\n(.*?)^```$', README, re.M | re.S))
FOLDERS = sorted({name.split("/")[0] for name in BLOCKS if "/" in name})


def tool():
    """The module tools/draw_tables.py."""
    path = paths.REPOSITORY / "tools" / "draw_tables.py"
    spec = importlib.util.spec_from_file_location("draw_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def examples(tmp_path, monkeypatch):
    """The folders of the examples, in the working folder."""
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    for name, content in BLOCKS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["columns", "analyses", "cbioportal"])
def test_the_tables_are_those_of_the_code(name):
    written = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()
    assert written == tool().sections()[name], "run tools/draw_tables.py"


def test_the_boxes_of_the_picture_do_not_overlap_and_arrows_run_to_the_right():
    drawn = tool()
    assert set(drawn.PLACES) == set(drawn.SCHEMAS)
    boxes = {
        name: (left, top, left + drawn.WIDTH, top + len(drawn.SCHEMAS[name].columns) + 1)
        for name, (left, top) in drawn.PLACES.items()
    }
    for one, two in itertools.combinations(boxes.values(), 2):
        apart = (two[0] >= one[2], one[0] >= two[2], two[1] >= one[3], one[1] >= two[3])
        assert any(apart), (one, two)
    for name, (_, other) in drawn.REFERENCES.items():
        assert boxes[other][2] < boxes[name][0]


@pytest.mark.parametrize(
    "words",
    [
        cbioportal.STAGE_WORDS,
        cbioportal.STAGE_COLUMNS,
        [cbioportal.META, cbioportal.PATIENTS, cbioportal.SAMPLES, *cbioportal.MUTATIONS],
        [f"{end}_" for end in cbioportal.RELAPSE[1:]],
        vcf.ENDINGS,
        files.TEXT[:2],
        cohort.cohort_file.CohortFile.model_fields,
    ],
)
def test_the_words_that_are_recognised_are_named(words):
    assert [word for word in words if f"`{word}`" not in README] == []


def test_the_limits_are_those_of_the_code():
    limits = README.split("### Limits")[1].split("\n## ")[0]
    limits = " ".join(limits.split())
    assert f"{files.LARGEST:,} bytes of a table" in limits
    assert f"{files.ROWS:,} rows of text" in limits
    assert f"{files.PARQUET_ROWS:,} rows of Parquet" in limits
    assert f"{workbook.LARGEST_WORKBOOK:,} bytes of a workbook" in limits
    assert f"{cells.WIDEST:,} columns" in limits
    assert f"Up to {contexts.MISMATCHES:.0%}".replace("%", " %") in README
    assert f"the first {cells.LIMIT}\nfaults" in README


def test_there_is_an_example_of_every_form(examples):
    assert sorted(TOLD) == FOLDERS
    assert {cohort.load(name).form for name in FOLDERS} == set(cohort.FORMS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_example_is_read_as_the_text_says(folder, examples, capsys):
    command, *told = TOLD[folder].splitlines()
    with pytest.raises(SystemExit) as end:
        cli.main(shlex.split(command.removeprefix("$ allrelapse ")))
    assert end.value.code == 0
    found = [
        line for line in capsys.readouterr().out.splitlines() if not re.match(r"  \d\d_", line)
    ]
    assert " ".join(found).split() == " ".join(told).split()


def test_the_forms_of_one_cohort_give_the_same_patients(examples):
    """7.9 months are 240.46 days, 29.6 are 900.95, 23 are 700.06 and 42.7 are 1299.7."""
    ours = cohort.load("our-tables").patients
    for name in ("cbioportal", "column-map"):
        other = cohort.load(name).patients
        columns = ["timing", "lineage", "sex", "status"]
        assert other[columns].equals(ours[columns])
        for column in ("relapse_day", "follow_up_day"):
            assert other[column].sub(ours[column]).abs().max() < 1


def test_the_example_of_contexts_gives_those_of_the_genome(examples):
    assert cohort.load("with-fasta").mutations["context"].tolist() == ["TGC", "CGT"]


def test_the_example_of_settings_is_one(examples):
    chosen = settings.make(settings.read(examples / "settings.yaml"))
    assert (chosen.patients, chosen.t_lineage) == (20, 0.5)


def test_every_command_and_option_in_the_text_exists():
    commands = re.findall(r"^\$ allrelapse (.*)$", README, re.M)
    assert len(commands) >= 8
    for command in commands:
        words = shlex.split(command)
        names = words[:2] if words[0] == "data" else words[:1]
        shown = CliRunner().invoke(cli.cli, [*names, "--help"])
        assert shown.exit_code == 0
        assert [word for word in words if word.startswith("--") and word not in shown.output] == []


def test_the_map_that_is_shipped_is_linked():
    assert "](template_cohort.yaml)" in README
    assert yamls.read(paths.DATA / "template_cohort.yaml")["tables"]
