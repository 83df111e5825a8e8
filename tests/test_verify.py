"""Results are held against their receipts; a fake stands in the place of the kernel."""

import hashlib
import json
import os
import shutil

import pytest
import toy
import yaml

from allrelapse import cli, cohorts, receipt, run, study, verify
from allrelapse import scorecard as cards
from allrelapse.data import open_data

CLAIM = {"claim": "early_share", "kind": "recomputed", "data": "counts", "value": 55.3}
CLAIM |= {"interval": [45.2, 65.1], "n": 103, "note": "", "truth": None}
ENTRY = {
    "inputs": ["in.csv"],
    "open_data": {"required": ["d/required.csv"], "optional": ["d/optional.csv"]},
    "cohort": {"required": ["patients"]},
    "outputs": ["tables/t.csv"],
    "claims": ["early_share"],
}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def renew(root, **fields):
    """Write the study file, with other fields for its first analysis."""
    file = toy.write_study(root, toy.analysis("01_a", **ENTRY | fields), toy.analysis("02_b"))
    file.write_text(file.read_text().replace("cohort: open", "cohort: mine"))


def execute(notebook, parameters, *, root, output, cohort, scratch):
    write(output / "tables" / "t.csv", "level\n0.95\n")
    write(output / "notebook.ipynb", "{}")
    if notebook.stem == "01_a":
        write(output / "claims.json", json.dumps([CLAIM]))
    return "cell 1: no" if (root / "fail").exists() else ""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A study of two analyses and a cohort, all run, with a library, lock and mirror of its own."""
    root = tmp_path / "study"
    write(root / "lib" / "m.py", "x = 1\n")
    write(root / "requirements.lock", "numpy==2.0\n")
    write(root / "in.csv", "a\n")
    write(tmp_path / "cohorts" / "mine" / "patients.csv", "patient,relapse_day\nP1,240\n")
    entries = {}
    for name in ("d/required.csv", "d/optional.csv"):
        write(tmp_path / "mirror" / name, name)
        known = {"bytes": len(name), "sha256": hashlib.sha256(name.encode()).hexdigest()}
        words = {"licence": "CC0", "citation": "nobody", "holds": "nothing"}
        entries[name] = {"url": "http://127.0.0.1:9/" + name, **known, **words}
    write(tmp_path / "open_data.yaml", yaml.safe_dump(entries))
    monkeypatch.setattr(receipt, "LIB", root / "lib")
    monkeypatch.setattr(receipt, "LOCK", root / "requirements.lock")
    monkeypatch.setattr(receipt, "installed", lambda: {"python": "3.0.0", "numpy": "2.0"})
    monkeypatch.setattr("platform.python_version", lambda: "3.0.1")
    monkeypatch.setattr(open_data, "REGISTRY", tmp_path / "open_data.yaml")
    monkeypatch.setattr("allrelapse.execute.execute", execute)
    monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    renew(root)
    reproduce(root)
    return root


def reproduce(root):
    here = study.load(root / "study.yaml")
    cohorts.prepare(here, str(root.parent / "cohorts" / "mine"), say=list)
    for name in ("01_a", "02_b"):
        run.run(here, name, cohort="mine", say=list)
    write_scorecard(root)


def write_scorecard(root):
    card = cards.scorecard(study.load(root / "study.yaml"), root / "results" / "mine")
    verify.record_scorecard(root / "results", card.write(root / "results"), [])


def check(root, *arguments):
    """Findings by name and the exit code, of a command that must leave all files as they are."""
    before, dates = toy.files(root.parent), stats(root.parent)
    file, results = root / "study.yaml", list(arguments)
    told = tell(["verify", "--study", str(file), "--json", *results])
    assert (toy.files(root.parent), stats(root.parent)) == (before, dates)
    found = {entry["name"]: entry for entry in told["findings"]}
    return found, told["exit_code"]


def stats(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def tell(arguments):
    """What the command prints as JSON; its exit code is the one that it says."""
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.echo", said.append)
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
    told = json.loads(said[0])
    assert told["exit_code"] == end.value.code
    return told


def states(found):
    return {name: entry["state"] for name, entry in found.items()}


ALL_CURRENT = dict.fromkeys(("01_a", "02_b", "cohort", "scorecard"), "current")


def test_results_are_current_after_a_run_whatever_their_dates(root):
    for path in root.rglob("*"):
        os.utime(path, (0, 0))
    found, code = check(root)
    assert (states(found), code) == (ALL_CURRENT, 0)
    assert not any(entry["reasons"] + entry["notes"] for entry in found.values())


RESULT = "results/mine/01_a/"
BY_HAND = {
    "output tables/t.csv changed": lambda r: write(r / RESULT / "tables/t.csv", "level\n0.96\n"),
    "output tables/t.csv missing": lambda r: (r / RESULT / "tables/t.csv").unlink(),
    "file tables/u.csv added": lambda r: write(r / RESULT / "tables/u.csv", ""),
    "output claims.json changed": lambda r: write(r / RESULT / "claims.json", "["),
    "receipt.json is missing": lambda r: (r / RESULT / "receipt.json").unlink(),
    "receipt.json is damaged or edited": lambda r: edit_receipt(
        r, lambda made: made["outputs"].clear()
    ),
}


def edit_receipt(root, edit):
    file = root / RESULT / "receipt.json"
    made = json.loads(file.read_text())
    edit(made)
    file.write_text(json.dumps(made))


@pytest.mark.parametrize("reason", BY_HAND)
def test_what_was_changed_by_hand_is_told_as_such(reason, root):
    BY_HAND[reason](root)
    found, code = check(root)
    assert (found["01_a"]["state"], found["01_a"]["reasons"]) == ("changed by hand", [reason])
    assert (found["02_b"]["state"], code) == ("current", 4)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"outputs": {}}', "[" * 9000, "\udcff"])
def test_a_malformed_receipt_is_told_and_stops_nothing(text, root):
    (root / RESULT / "receipt.json").write_bytes(text.encode(errors="surrogateescape"))
    found, code = check(root)
    assert found["01_a"]["reasons"] == ["receipt.json is damaged or edited"]
    assert (found["02_b"]["state"], code) == ("current", 4)


def test_a_receipt_cut_off_anywhere_is_never_current(root):
    file = root / RESULT / "receipt.json"
    text = file.read_text().rstrip()
    for end in range(0, len(text), 97):
        file.write_text(text[:end])
        assert receipt.read(file.parent) is None


def test_hidden_files_such_as_those_of_a_file_manager_do_no_harm(root):
    write(root / RESULT / "tables" / ".DS_Store", "x")
    write(root / RESULT / ".ipynb_checkpoints" / "notebook.ipynb", "x")
    assert check(root)[1] == 0


STALE = {
    "notebook changed": lambda r: toy.notebook(r / "notebooks" / "01_a.ipynb", "1"),
    "lib changed": lambda r: write(r / "lib" / "m.py", "x = 2\n"),
    "input in.csv changed": lambda r: write(r / "in.csv", "b\n"),
    "requirements.lock changed": lambda r: write(r / "requirements.lock", "numpy==2.0\n# \n"),
    "parameter level changed (0.95 then, 0.5 now)": lambda r: renew(r, parameters={"level": 0.5}),
    "output tables/new.csv missing": lambda r: renew(r, outputs=["tables/new.csv"]),
    "open data d/optional.csv changed": lambda r: write(
        r.parent / "mirror" / "d/optional.csv", "other"
    ),
}


@pytest.mark.parametrize("reason", STALE)
def test_what_is_stale_names_the_input_that_changed(reason, root):
    STALE[reason](root)
    found, code = check(root)
    assert (found["01_a"]["state"], found["01_a"]["reasons"], code) == ("stale", [reason], 5)


def test_a_run_with_other_parameters_is_stale_and_the_scorecard_with_it(root):
    here = study.load(root / "study.yaml")
    run.run(here, "01_a", cohort="mine", parameters={"level": "0.5"}, say=list)
    found, code = check(root)
    assert found["01_a"]["reasons"] == ["parameter level changed (0.5 then, 0.95 now)"]
    assert found["scorecard"]["reasons"] == ["these results give another one now"]
    assert (found["scorecard"]["state"], code) == ("stale", 5)


def test_all_reasons_are_told_and_a_change_by_hand_is_the_gravest(root):
    STALE["lib changed"](root)
    STALE["input in.csv changed"](root)
    BY_HAND["file tables/u.csv added"](root)
    found, code = check(root)
    reasons = ["file tables/u.csv added", "lib changed", "input in.csv changed"]
    assert (found["01_a"]["reasons"], code) == (reasons, 4)


def test_results_of_another_machine_are_judged_like_own_ones(root, monkeypatch):
    there = root.parent / "elsewhere"
    shutil.copytree(root / "results", there)
    shutil.rmtree(root / "results")
    shutil.rmtree(root.parent / "cohorts")
    monkeypatch.setenv("ALLRELAPSE_MIRROR", "")
    found, code = check(root, "--results", str(there))
    assert (states(found), code) == (ALL_CURRENT, 0)
    lacks = "cannot check here: d/optional.csv, d/required.csv not at hand"
    assert found["01_a"]["notes"] == [lacks]
    assert found["cohort"]["notes"] == ["the folder from which the cohort was taken in is not here"]
    write(there / "mine/02_b/tables/t.csv", "9")
    assert check(root, "--results", str(there))[1] == 4


def test_without_the_tables_of_patients_the_rest_is_checked(root):
    shutil.rmtree(root / "results" / "mine" / "cohort")
    found, code = check(root)
    assert states(found) == ALL_CURRENT | {"cohort": "cannot check here"}
    assert found["01_a"]["notes"] == ["cannot check here: the tables of the cohort are not here"]
    assert code == 0


def test_open_data_of_another_release_are_noticed_without_the_file(root, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_MIRROR", "")
    newer = root.parent / "newer.yaml"
    entries = yaml.safe_load((root.parent / "open_data.yaml").read_text())
    entries["d/required.csv"]["sha256"] = "0" * 64
    newer.write_text(yaml.safe_dump(entries))
    monkeypatch.setattr(open_data, "REGISTRY", newer)
    assert check(root)[0]["01_a"]["reasons"] == ["open data d/required.csv changed"]


def test_results_of_other_packages_than_the_lock_has_are_stale_not_changed(root, monkeypatch):
    monkeypatch.setattr(receipt, "installed", lambda: {"python": "3.9.1", "numpy": "1.26"})
    reproduce(root)
    run.run(study.load(root / "study.yaml"), "01_a", cohort="mine", say=list)
    found, code = check(root)
    assert found["01_a"]["state"] == "stale"
    assert found["01_a"]["reasons"] == ["made with numpy 1.26, requirements.lock has 2.0"]
    assert found["01_a"]["notes"] == ["made with Python 3.9.1, here is 3.0.1"]
    assert code == 5


def test_a_receipt_of_an_earlier_form_is_stale(root):
    edit_receipt(root, lambda made: made.pop("seal"))
    found, code = check(root)
    assert (found["01_a"]["reasons"], code) == (["its receipt is of an earlier form"], 5)


def test_a_failed_run_is_told_beside_the_earlier_results(root):
    (root / "fail").touch()
    with pytest.raises(run.RunError):
        run.run(study.load(root / "study.yaml"), "02_b", cohort="mine", say=list)
    write_scorecard(root)
    found, code = check(root)
    assert states(found) == ALL_CURRENT | {"02_b": "failed"}
    assert code == 1
    shutil.rmtree(root / "results" / "mine" / "01_a")
    write(root / "results" / "mine" / "01_a" / "failed" / "error.txt", "no")
    assert check(root)[0]["01_a"]["reasons"] == ["no earlier results"]


def test_a_change_by_hand_is_told_before_a_failure_and_a_failure_before_what_is_stale(root):
    write(root / RESULT / "failed" / "error.txt", "no")
    STALE["input in.csv changed"](root)
    assert check(root)[0]["01_a"]["state"] == "failed"
    BY_HAND["output tables/t.csv changed"](root)
    found, code = check(root)
    assert (found["01_a"]["state"], code) == ("changed by hand", 4)
    assert found["01_a"]["reasons"] == [
        "output tables/t.csv changed",
        "the latest run failed, these results are earlier",
        "input in.csv changed",
    ]


def test_open_data_that_results_were_made_without_are_not_missed(root):
    (root.parent / "mirror" / "d" / "optional.csv").unlink()
    shutil.rmtree(root / "results")
    reproduce(root)
    found, code = check(root)
    assert (states(found), found["01_a"]["notes"], code) == (ALL_CURRENT, [], 0)
    write(root.parent / "mirror" / "d" / "optional.csv", "d/optional.csv")
    assert check(root)[0]["01_a"]["reasons"] == ["d/optional.csv is now at hand"]


def test_what_was_never_run_is_told_and_nothing_at_all_has_a_code_of_its_own(root, monkeypatch):
    shutil.rmtree(root / "results" / "mine" / "02_b")
    found, code = check(root)
    assert (found["02_b"]["state"], code) == ("never run", 5)
    shutil.rmtree(root / "results" / "mine" / "01_a")
    found, code = check(root)
    assert (states(found), code) == ({"01_a": "never run", "02_b": "never run"}, 6)
    monkeypatch.setenv("ALLRELAPSE_MIRROR", "")
    assert check(root)[0]["01_a"]["state"] == "data not at hand"


def test_an_analysis_that_needs_a_table_which_the_cohort_lacks_is_no_fault(root):
    shutil.rmtree(root / "results" / "mine" / "01_a")
    renew(root, cohort={"required": ["mutations"]})
    assert check(root)[0]["01_a"]["notes"] == ["needs table mutations"]
    shutil.rmtree(root / "results" / "mine" / "cohort")  # who knows what it has
    assert check(root)[0]["01_a"]["state"] == "never run"


def test_an_analysis_whose_data_are_not_here_is_no_fault(root, monkeypatch):
    shutil.rmtree(root / "results" / "mine" / "01_a")
    monkeypatch.setenv("ALLRELAPSE_MIRROR", "")
    write_scorecard(root)
    found, code = check(root)
    assert states(found) == ALL_CURRENT | {"01_a": "data not at hand"}
    assert (found["01_a"]["notes"], code) == (["needs d/required.csv"], 0)


@pytest.mark.parametrize("name", ["scorecard.md", "scorecard.json", "scorecard.html"])
def test_an_edited_scorecard_is_told(name, root):
    file = root / "results" / name
    file.write_text(file.read_text().replace("55.3", "55.0"))
    found, code = check(root)
    assert found["scorecard"]["reasons"] == [f"{name} changed"]
    assert (found["scorecard"]["state"], code) == ("changed by hand", 4)


def test_an_edited_scorecard_whose_receipt_was_made_to_fit_is_stale(root):
    file = root / "results" / "scorecard.md"
    file.write_text(file.read_text().replace("55.3", "55.0"))
    files = [root / "results" / f"scorecard.{ending}" for ending in ("md", "html", "json")]
    verify.record_scorecard(root / "results", files, [])
    assert check(root)[0]["scorecard"]["reasons"] == ["these results give another one now"]


def test_a_receipt_of_the_scorecard_that_was_edited_is_told(root):
    file = root / "results" / "scorecard.receipt.json"
    made = json.loads(file.read_text())
    for text in ("{", json.dumps(made | {"not_at_hand": ["01_a"]}), json.dumps(made["files"])):
        file.write_text(text)
        entry = check(root)[0]["scorecard"]
        assert entry["state"] == "changed by hand"
        assert entry["reasons"] == ["scorecard.receipt.json is damaged or edited"]


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("scorecard.md", "changed by hand", "scorecard.md missing"),
        ("scorecard.receipt.json", "stale", "there is no scorecard.receipt.json"),
    ],
)
def test_a_part_of_the_scorecard_that_is_gone_is_told(name, state, reason, root):
    (root / "results" / name).unlink()
    entry = check(root)[0]["scorecard"]
    assert (entry["state"], entry["reasons"]) == (state, [reason])


TABLES = {
    "table patients changed": lambda f: write(f / "patients.parquet", "x"),
    "table patients missing": lambda f: (f / "patients.parquet").unlink(),
    "table samples added": lambda f: write(f / "samples.parquet", "x"),
    "cohort.json is damaged or gone": lambda f: write(f / "cohort.json", "{"),
}


@pytest.mark.parametrize("reason", TABLES)
def test_tables_of_the_cohort_that_were_changed_by_hand_are_told(reason, root):
    TABLES[reason](root / "results" / "mine" / "cohort")
    found, code = check(root)
    assert (found["cohort"]["state"], found["cohort"]["reasons"]) == ("changed by hand", [reason])
    assert code == 4


def test_a_cohort_that_came_from_another_file_is_stale(root):
    write(root.parent / "cohorts/mine/patients.csv", "patient,relapse_day\nP1,241\n")
    found, code = check(root)
    assert states(found) == ALL_CURRENT | {"cohort": "stale"}
    assert (found["cohort"]["reasons"], code) == (["patients.csv changed"], 5)


def test_a_large_file_of_the_cohort_may_have_another_date(root, monkeypatch):
    monkeypatch.setattr(cohorts, "LARGE", 0)
    shutil.rmtree(root / "results")
    reproduce(root)
    os.utime(root.parent / "cohorts/mine/patients.csv", (0, 0))
    assert check(root)[1] == 0
    write(root.parent / "cohorts/mine/patients.csv", "patient,relapse_day\nP1,2410\n")
    assert check(root)[0]["cohort"]["reasons"] == ["patients.csv changed"]


def test_a_folder_that_is_not_there_is_wrong_input(root, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", "--study", str(root / "study.yaml"), "--results", str(root / "no")])
    assert end.value.code == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_lines_for_people_say_what_and_why(root, capsys):
    BY_HAND["output tables/t.csv changed"](root)
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", "--study", str(root / "study.yaml")])
    lines = capsys.readouterr().out.splitlines()
    assert end.value.code == 4
    assert lines[0].split(maxsplit=1) == ["01_a", "changed by hand   output tables/t.csv changed"]
    assert lines[1].split() == ["02_b", "current"]
    assert "1 changed by hand, 3 current" in lines
