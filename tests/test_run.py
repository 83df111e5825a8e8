"""Most tests put a fake in the place of the kernel; those at the end start real ones."""

import hashlib
import json
import os
import re
import shutil
import threading

import nbformat
import pytest
import toy

from allrelapse import receipt, run, session, study
from allrelapse.errors import DataNotAtHandError, InputError

DATA = {"d/required.csv": "1" * 64, "d/optional.csv": "2" * 64}
ENTRY = {
    "inputs": ["in.csv"],
    "open_data": {"required": ["d/required.csv"], "optional": ["d/optional.csv"]},
    "outputs": ["tables/t.csv"],
    "claims": ["c1"],
}
RECORD = '(output / "claims.json").write_text(\'[{"claim": "c1"}]\')'


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A study with one analysis, and a library and a lock of its own."""
    (tmp_path / "in.csv").write_text("a\n")
    (tmp_path / "lib" / "sub").mkdir(parents=True)
    (tmp_path / "lib" / "sub" / "m.py").write_text("x = 1\n")
    (tmp_path / "requirements.lock").write_text("numpy\n")
    monkeypatch.setattr(receipt, "LIB", tmp_path / "lib")
    monkeypatch.setattr(receipt, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    toy.notebook(tmp_path / "notebooks" / "a.ipynb", toy.WRITE, RECORD)
    toy.write_study(tmp_path, toy.analysis("a", **ENTRY))
    return tmp_path


@pytest.fixture
def kernel(monkeypatch):
    """A fake that writes what the notebook should, and notes how it was called."""
    calls = []

    def execute(notebook, parameters, *, root, output, cohort, scratch):
        calls.append(dict(parameters))
        (output / "tables").mkdir()
        (output / "tables" / "t.csv").write_text("level\n0.95\n")
        (output / "notebook.ipynb").write_text("{}")
        (output / "claims.json").write_text('[{"claim": "c1"}]')
        return execute.story

    execute.story, execute.calls = "", calls
    monkeypatch.setattr("allrelapse.execute.execute", execute)
    return execute


def go(root, **options):
    options = {"cohort": "open", "at_hand": DATA.get, "say": list} | options
    return run.run(study.load(root / "study.yaml"), "a", **options)


def state(root, **options):
    options = {"cohort": "open", "at_hand": DATA.get} | options
    return run.state(study.load(root / "study.yaml"), "a", **options)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_receipt_holds_what_is_on_disk(root, kernel):
    toy.notebook(root / "notebooks" / "a.ipynb", parameters="level: float = 0.9\nseed: int = 7")
    folder = go(root, parameters={"level": "0.8"})
    made = json.loads((folder / "receipt.json").read_text())
    assert made["notebook"] == sha256(root / "notebooks" / "a.ipynb")
    assert made["inputs"] == {"in.csv": sha256(root / "in.csv")}
    assert made["lock"] == sha256(root / "requirements.lock")
    assert made["open_data"] == DATA
    assert made["not_at_hand"] == []
    assert made["parameters"]["values"] == {"level": 0.8, "seed": 7}
    assert made["seeds"] == {"seed": 7}
    assert made["versions"] == session.versions().set_index("package")["version"].to_dict()
    assert made["outputs"] == {
        name: sha256(folder / name) for name in ("claims.json", "notebook.ipynb", "tables/t.csv")
    }
    assert list(made) == sorted(made)


def test_equal_ingredients_give_equal_fingerprints(root, kernel):
    first = receipt.read(go(root))["fingerprint"]
    assert receipt.read(go(root))["fingerprint"] == first
    (root / "in.csv").write_text("b\n")
    assert receipt.read(go(root))["fingerprint"] != first


def test_nothing_is_current_before_the_first_run(root):
    assert state(root) == "no results yet"


def with_numpy(root, version):
    """The receipt of results that were made with a version of numpy, and a lock of others."""
    file = root / "results/open/a/receipt.json"
    made = json.loads(file.read_text())
    (root / "requirements.lock").write_text("numpy==2.0 ; x \\\nnumpy==2.1\n")
    made["versions"]["numpy"], made["lock"] = version, sha256(root / "requirements.lock")
    made["fingerprint"] = receipt._digest({key: made[key] for key in receipt.INGREDIENTS})
    del made["seal"]
    receipt.write_sealed(file, made)


CHANGES = {
    "notebook changed": lambda r: toy.notebook(r / "notebooks" / "a.ipynb", "1"),
    "lib changed": lambda r: edit(r / "lib" / "sub" / "m.py", "x = 2\n"),
    "requirements.lock changed": lambda r: edit(r / "requirements.lock", "scipy\n"),
    "input in.csv changed": lambda r: edit(r / "in.csv", "b\n"),
    "parameter level changed (0.95 then, 0.5 now)": lambda r: toy.write_study(
        r, toy.analysis("a", **ENTRY, parameters={"level": 0.5})
    ),
    "output tables/t.csv missing": lambda r: (r / "results/open/a/tables/t.csv").unlink(),
    "output tables/t.csv changed": lambda r: edit(r / "results/open/a/tables/t.csv", "9\n"),
    "output tables/new.csv missing": lambda r: toy.write_study(
        r, toy.analysis("a", **ENTRY | {"outputs": ["tables/new.csv"]})
    ),
    "claim c2 not recorded": lambda r: toy.write_study(
        r, toy.analysis("a", **ENTRY | {"claims": ["c1", "c2"]})
    ),
    "input other.csv changed": lambda r: (
        edit(r / "other.csv", ""),
        toy.write_study(r, toy.analysis("a", **ENTRY | {"inputs": ["in.csv", "other.csv"]})),
    ),
    "open data d/optional.csv changed": lambda r: toy.write_study(
        r, toy.analysis("a", **ENTRY | {"open_data": {"required": ["d/required.csv"]}})
    ),
    "file tables/more.csv added": lambda r: edit(r / "results/open/a/tables/more.csv", "1\n"),
    "made with numpy 1.0, requirements.lock has 2.0 or 2.1": lambda r: with_numpy(r, "1.0"),
    "last run failed": lambda r: edit(r / "results/open/a/failed/error.txt", "no"),
    "receipt unreadable": lambda r: edit(r / "results/open/a/receipt.json", "{"),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_change_is_told_and_makes_the_analysis_run(reason, root, kernel):
    go(root)
    assert state(root) == "current"
    CHANGES[reason](root)
    assert state(root) == reason


def test_a_new_library_file_makes_the_analysis_run(root, kernel):
    go(root)
    edit(root / "lib" / "new.py", "")
    assert state(root) == "lib changed"


def test_touching_files_does_not_make_the_analysis_run(root, kernel):
    go(root)
    for path in root.rglob("*"):
        os.utime(path)
    assert state(root) == "current"
    go(root, unless_current=True)
    assert len(kernel.calls) == 1


def test_open_data_that_came_to_hand_make_the_analysis_run(root, kernel):
    go(root, at_hand={"d/required.csv": "1" * 64}.get)
    assert state(root, at_hand={"d/required.csv": "1" * 64}.get) == "current"
    assert state(root) == "d/optional.csv is now at hand"


def test_open_data_of_another_release_make_the_analysis_run(root, kernel):
    go(root)
    newer = DATA | {"d/optional.csv": "3" * 64}
    assert state(root, at_hand=newer.get) == "open data d/optional.csv changed"


def test_open_data_no_longer_at_hand_leave_the_results_current(root, kernel):
    go(root)
    assert state(root, at_hand={}.get) == "current"


@pytest.mark.parametrize("text", ["", "[]", "null", '{"outputs": {}}', '{"inputs": 3}', "[" * 5000])
def test_a_damaged_receipt_makes_the_analysis_run(text, root, kernel):
    edit(go(root) / "receipt.json", text)
    assert state(root) == "receipt unreadable"


def test_a_receipt_that_was_edited_makes_the_analysis_run(root, kernel):
    path = go(root) / "receipt.json"
    path.write_text(path.read_text().replace("0.95", "0.5"))
    assert state(root) == "receipt unreadable"


def test_without_required_open_data_nothing_is_run_or_written(root, kernel):
    before = toy.files(root)
    with pytest.raises(DataNotAtHandError, match=r"d/required\.csv"):
        go(root, at_hand={}.get)
    assert toy.files(root) == before
    assert not kernel.calls
    assert not (root / "results").exists()


def test_a_wrong_parameter_is_refused_before_a_kernel_starts(root, kernel):
    with pytest.raises(InputError, match=r"no parameter 'levle'.*allowed: level: float = 0\.95"):
        go(root, parameters={"levle": "1"})
    assert not kernel.calls
    assert not (root / "results").exists()


def test_the_command_line_comes_before_the_study_file(root, kernel):
    toy.write_study(root, toy.analysis("a", **ENTRY, parameters={"level": 0.5}))
    go(root)
    go(root, parameters={"level": "0.6"})
    assert kernel.calls == [{"level": 0.5}, {"level": 0.6}]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"outputs": ["tables/u.csv"]}, "output tables/u.csv missing"),
        ({"claims": ["c1", "c2"]}, "claim c2 not recorded"),
        ({"claims": []}, "claim c1 recorded but not declared"),
    ],
)
def test_results_that_are_not_as_declared_are_a_failure(change, told, root, kernel):
    toy.write_study(root, toy.analysis("a", **ENTRY | change))
    with pytest.raises(run.RunError, match=told):
        go(root)
    assert set(toy.files(root / "results/open/a")) == {"failed/notebook.ipynb", "failed/error.txt"}


def test_a_failure_leaves_the_earlier_results_and_the_mend_removes_its_evidence(root, kernel):
    earlier = toy.files(go(root))
    for story in ("cell 1: first", "cell 2: second"):
        kernel.story = story
        with pytest.raises(run.RunError, match=story):
            go(root)
        now = toy.files(root / "results/open/a")
        assert now.pop("failed/error.txt").decode() == story + "\n"
        assert now.pop("failed/notebook.ipynb")
        assert now == earlier
    assert state(root) == "last run failed"
    kernel.story = ""
    go(root)
    assert set(toy.files(root / "results/open/a")) == set(earlier)
    assert state(root) == "current"


def test_an_observer_never_sees_a_folder_half_filled(root, kernel):
    place = root / "results/open/a"
    complete = set(toy.files(go(root)))
    seen, stop = set(), threading.Event()

    def observe():
        while not stop.is_set():
            try:
                before = place.stat().st_ino
                names = frozenset(os.listdir(place))
                if place.stat().st_ino == before:  # else the folder was replaced while being read
                    seen.add(names)
            except FileNotFoundError:
                continue

    thread = threading.Thread(target=observe)
    thread.start()
    for _ in range(50):
        go(root)
    stop.set()
    thread.join()
    assert seen == {frozenset(name.split("/")[0] for name in complete)}


def test_results_set_aside_by_a_killed_run_come_back(root, kernel):
    place = go(root)
    earlier = toy.files(place)
    place.rename(root / "results/open/.a.old")
    edit(root / "results/open/.a.0123abcd/tables/t.csv", "half")
    kernel.story = "cell 1: no"
    with pytest.raises(run.RunError):
        go(root)
    shutil.rmtree(place / "failed")
    assert toy.files(place) == earlier
    assert sorted(p.name for p in (root / "results/open").iterdir()) == [".a.lock", "a"]


def test_an_interrupted_run_leaves_nothing_but_the_earlier_results(root, kernel, monkeypatch):
    earlier = toy.files(go(root))

    def interrupted(*_, output, **__):
        (output / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("allrelapse.execute.execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(root)
    assert toy.files(root / "results/open/a") == earlier
    assert sorted(p.name for p in (root / "results/open").iterdir()) == [".a.lock", "a"]


# From here on with real kernels.

CHANCE = """
import random, sys
import matplotlib.pyplot as plt
print(sorted({"a", "b", "c"}, key=hash), os.environ["OMP_NUM_THREADS"], sys.executable)
plt.plot([1, 2])
(output / "tables" / "order.csv").write_text(str(list({"a", "b", "c", "d"})))
"""


def test_a_second_run_gives_the_same_bytes_and_leaves_no_trace_elsewhere(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root / "home"))
    toy.notebook(root / "notebooks" / "a.ipynb", toy.WRITE, RECORD, CHANCE)
    first = toy.files(go(root, parameters={"level": "0.9"}))
    assert first["tables/t.csv"] == b"level\n0.9\n"
    second = toy.files(go(root, parameters={"level": "0.9"}))
    for made in (first, second):
        made.pop("receipt.json")
    assert second == first
    assert not (root / "home").exists()
    assert sorted(p.name for p in root.iterdir()) == [
        "cache",
        "in.csv",
        "lib",
        "notebooks",
        "requirements.lock",
        "results",
        "study.yaml",
    ]
    page = first["notebook.html"].decode()
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//|import\s.*https?://""", page)
    assert "<img" in page


def test_a_failing_cell_is_named_with_its_error(root):
    toy.notebook(root / "notebooks" / "a.ipynb", "1 + 1", "1 / 0", "print('never')")
    with pytest.raises(run.RunError, match=r"^code cell 3 \(1 / 0\): ZeroDivisionError: division"):
        go(root)
    failed = root / "results/open/a/failed"
    half_run = nbformat.read(failed / "notebook.ipynb", as_version=4)
    assert [len(c.outputs) for c in half_run.cells if c.cell_type == "code"] == [0, 1, 1, 0]
    assert (failed / "error.txt").read_text().startswith("code cell 3")


def test_a_dead_kernel_is_a_failure_that_names_the_cell(root):
    toy.notebook(root / "notebooks" / "a.ipynb", "import os", "os._exit(1)")
    with pytest.raises(run.RunError, match=r"^code cell 3 \(os._exit\(1\)\): Kernel died"):
        go(root)
    assert (root / "results/open/a/failed/notebook.ipynb").exists()


def test_leaving_a_notebook_early_is_a_failure(root):
    toy.notebook(root / "notebooks" / "a.ipynb", toy.WRITE, RECORD, "import sys; sys.exit()", "1")
    with pytest.raises(run.RunError, match="SystemExit before the end"):
        go(root)
