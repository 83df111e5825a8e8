"""The commands, as a lecturer types them."""

import shutil

import pytest
from click.testing import CliRunner
from hostile import made

from allrelapse import cli
from allrelapse.commands import classroom as commands
from allrelapse.errors import InputError


def said(*arguments):
    """Exit code, and all that was said."""
    ran = CliRunner().invoke(cli.cli, ["classroom", *map(str, arguments)])
    if isinstance(ran.exception, InputError):
        return cli.BAD_INPUT, str(ran.exception)
    return ran.exit_code, ran.output


def test_a_lecturer_makes_a_class_and_grades_it(tmp_path, monkeypatch):
    (tmp_path / "spring.csv").write_text("student\nmaya\n")
    code, text = said("make", tmp_path / "spring.csv", "--output", tmp_path, "--patients", 40)
    assert code == 0
    assert f"hand out the folders in {tmp_path / 'spring' / 'students'}" in text
    made(tmp_path, ["maya"])  # the same with a tiny exercise
    shutil.copytree(tmp_path / "made" / "students", tmp_path / "handed-in")
    (tmp_path / "handed-in" / "nobody").mkdir()
    monkeypatch.setattr(commands, "CLASSES", tmp_path)
    code, text = said("grade", tmp_path / "handed-in")
    assert code == cli.BAD_INPUT
    assert "which class? There are made, spring in" in text
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"  # where no class is, so that `made` is a relative path
    for classes, one in ((tmp_path, tmp_path / "made"), (tmp_path, "made"), (elsewhere, "made")):
        monkeypatch.setattr(commands, "CLASSES", classes)
        code, text = said("grade", "handed-in", "--class", one, "--force")
        assert code == 0, text
    assert "not in the class, not graded: nobody" in text
    assert (
        (tmp_path / "made" / "grades" / "feedback" / "maya.txt")
        .read_text()
        .startswith("maya\n0 of 4")
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("make", "no.csv"), "no.csv"),
        (("make", "roster.csv", "--name", "../up"), "--name '../up'"),
        (("make", "roster.csv", "--name", "nul"), "--name 'nul'"),
        (("make", "roster.csv", "--exercises", "1,9"), "no exercise is called '9'; there are 01_"),
        (("grade", ".", "--class", "."), "no class was made here"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.csv").write_text("student\nmaya\n")
    code, text = said(*arguments)
    assert code == cli.BAD_INPUT
    assert words in text
    assert [path.name for path in tmp_path.iterdir()] == ["roster.csv"]


@pytest.mark.parametrize("command", ["make", "grade"])
def test_help_shows_examples(command):
    code, text = said(command, "--help")
    assert code == 0
    assert f"allrelapse classroom {command} " in text.partition("Examples")[2]
