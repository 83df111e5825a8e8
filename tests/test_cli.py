"""The command as users have it: in a process of its own, in a copy of the repository."""

import io
import json
import os
import re
import signal
import tempfile

import psutil
import pytest
import toy

from allrelapse import cli
from allrelapse.data import cohort, open_data
from allrelapse.data.tables import VARIANT
from allrelapse.errors import DataNotAtHandError
from allrelapse.simulate.settings import Settings

MEET = """
import time
meeting, start = Path("meeting"), time.time()
meeting.mkdir(exist_ok=True)
(meeting / output.name).touch()
while len(list(meeting.iterdir())) < 2:
    assert time.time() < start + 100, "the other one did not come"
    time.sleep(0.1)
"""
PAUSE = "import time; time.sleep(1)"
SLEEP = "import time; (output / 'half').touch(); time.sleep(60)"


@pytest.fixture
def house(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory() as short:  # sockets need a short path
        monkeypatch.setenv("TMPDIR", short)
        yield toy.house(tmp_path)


def study(house, *names, **fields):
    toy.write_study(house, *(toy.analysis(name, **fields) for name in names))


def kernel_under(process):
    """The kernel that a process, or one that it started, has running."""
    children = psutil.Process(process.pid).children(recursive=True)
    return next((c for c in children if "ipykernel_launcher" in c.cmdline()), None)


def half_done(house, name="01_a", cohort="open"):
    """Wait until the notebook has written into its staging folder."""
    toy.wait_for(lambda: list((house / "results" / cohort).glob(f".{name}.*/half")))


def test_a_short_name_runs_one_analysis(house):
    study(house, "01_a", "02_b")
    done = toy.allrelapse(house, "run", "01", "-p", "level=0.5")
    assert done.returncode == 0, done.stderr
    assert "01_a: done in" in done.stdout
    assert (house / "results/open/01_a/tables/t.csv").read_text() == "level\n0.5\n"
    assert not (house / "results/open/02_b").exists()
    assert not list((house / "home").rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "01", "-p", "levle=1"], 2, "allowed: level: float = 0.95"),
        (["run", "01", "-p", "level=high"], 2, "'high' is no float"),
        (["run", "01", "-p", "level=1.5"], 2, "level': 1.5, but it must be 0 < level <= 1"),
        (["run", "01", "-p", "level"], 2, "write name=value"),
        (["run", "0"], 2, "choose one of 01_a, 02_b"),
        (["run", "01", "--cohort", "../x"], 2, "cohort '../x'"),
        (["run", "01", "--study", "none.yaml"], 2, "none.yaml cannot be read"),
        (["run"], 2, "Missing argument 'ANALYSIS'"),
        (["reproduce", "--cores", "0"], 2, "--cores"),
        (["data", "fetch", "no/such.csv"], 2, "no open data file 'no/such.csv'"),
    ],
)
def test_wrong_input_is_told_in_few_lines_and_exits_with_2(
    arguments, code, told, tmp_path, monkeypatch, capsys
):
    toy.write_study(tmp_path, toy.analysis("01_a"), toy.analysis("02_b"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("allrelapse.execute.execute", None)
    named = [] if "--study" in arguments or arguments[0] == "data" else ["--study", "study.yaml"]
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, *named])
    stderr = capsys.readouterr().err
    assert end.value.code == code
    assert told in stderr
    assert len(stderr.splitlines()) <= 5
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "command",
    [
        *([], ["run"], ["reproduce"], ["scorecard"], ["verify"], ["simulate"]),
        *(["data"], ["data", "list"], ["data", "fetch"], ["data", "check"]),
    ],
)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*command, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert "Usage: allrelapse" in shown
    assert not command or command == ["data"] or "Example" in shown


def test_data_list_names_every_file(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["data", "list"])
    assert end.value.code == 0
    assert "pcawg7/WES_Other.96.csv\n  2,113,673 bytes" in capsys.readouterr().out


def test_a_failed_run_tells_a_short_story_and_exits_with_1(house):
    toy.notebook(house / "notebooks" / "01_a.ipynb", "raise ValueError('what\\nis\\nwrong')")
    study(house, "01_a")
    done = toy.allrelapse(house, "run", "01")
    assert done.returncode == 1
    assert "ValueError: what" in done.stderr
    assert "see results/open/01_a/failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 8


def test_a_run_without_its_required_data_exits_with_3(tmp_path, monkeypatch, capsys):
    def nowhere(name):
        raise DataNotAtHandError(name)

    monkeypatch.setattr(open_data, "fetch", nowhere)
    needs = {"required": ["pcawg7/WES_Other.96.csv"]}
    file = toy.write_study(tmp_path, toy.analysis("01_a", open_data=needs))
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "01", "--study", str(file)])
    assert end.value.code == 3
    assert "01_a needs pcawg7/WES_Other.96.csv" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_study_without_some_data_does_the_rest(house):
    needs = {"required": ["pcawg7/WES_Other.96.csv"]}
    toy.write_study(house, toy.analysis("01_a"), toy.analysis("02_b", open_data=needs))
    done = toy.allrelapse(house, "reproduce", "--require-open-data")
    assert done.returncode == 3
    assert "02_b: not run (no results yet)" in done.stdout
    assert sorted(p.name for p in (house / "results/open").glob("0*")) == ["01_a"]
    assert toy.allrelapse(house, "reproduce").returncode == 0


def test_analyses_run_side_by_side_and_one_that_fails_stops_no_other(house):
    for name, last in (("01_a", MEET), ("02_b", MEET), ("03_c", "1 / 0")):
        toy.notebook(house / "notebooks" / f"{name}.ipynb", toy.WRITE, last)
    study(house, "01_a", "02_b", "03_c")
    done = toy.allrelapse(house, "reproduce", "--cores", "3")
    assert done.returncode == 1
    assert "03_c: to run, no results yet" in done.stdout
    assert "03_c: failed after" in done.stdout
    assert "03_c failed, see results/open/03_c/failed" in done.stderr
    assert "not yet analysed" in done.stdout  # the scorecard is printed all the same
    met = [
        name for name in ("01_a", "02_b") if not (house / f"results/open/{name}/failed").exists()
    ]
    assert met == ["01_a", "02_b"]

    toy.notebook(house / "notebooks" / "03_c.ipynb", toy.WRITE)
    done = toy.allrelapse(house, "reproduce")
    assert done.returncode == 0, done.stderr
    assert "03_c: to run, last run failed" in done.stdout
    assert "01_a" not in done.stdout
    assert not (house / "results/open/03_c/failed").exists()

    before = toy.files(house / "results/open")
    done = toy.allrelapse(house, "reproduce")
    assert done.returncode == 0, done.stderr
    assert "Nothing to run." in done.stdout
    assert toy.files(house / "results/open") == before
    done = toy.allrelapse(house, "verify")
    assert done.returncode == 0, done.stdout

    assert not list((house / "home").rglob("*"))
    cards = [f"scorecard.{ending}" for ending in ("html", "json", "md", "receipt.json")]
    found = sorted(p.name for p in (house / "results").iterdir())
    assert found == [".snakemake-work", "open", *cards]


def test_a_place_that_cannot_be_written_is_told_in_one_line(house):
    study(house, "01_a")
    (house / "results").write_text("a file where a folder should be")
    done = toy.allrelapse(house, "run", "01")
    assert done.returncode == 1
    assert done.stderr.startswith("cannot use ")
    assert len(done.stderr.splitlines()) == 1


def test_a_scorecard_of_no_results_is_refused_and_the_last_one_stays(house):
    study(house, "01_a")
    toy.allrelapse(house, "reproduce")
    before = (house / "results/scorecard.md").read_text()
    done = toy.allrelapse(house, "scorecard", "--cohort", "nobody")
    assert done.returncode == 2
    assert "no results of cohort 'nobody'" in done.stderr
    assert (house / "results/scorecard.md").read_text() == before


def test_two_runs_of_one_analysis_take_turns(house):
    toy.notebook(house / "notebooks" / "01_a.ipynb", toy.WRITE, PAUSE)
    study(house, "01_a")
    runs = [toy.start(house, "run", "01") for _ in range(2)]
    told = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("waiting for another run of it to end" in text for text in told) == 1
    assert sorted(p.name for p in (house / "results/open").iterdir()) == [".01_a.lock", "01_a"]


def test_after_kill_9_of_a_run_the_earlier_results_are_there_and_the_next_run_is_whole(house):
    earlier = {"tables/t.csv": b"earlier"}
    (house / "results/open/01_a/tables").mkdir(parents=True)
    (house / "results/open/01_a/tables/t.csv").write_bytes(earlier["tables/t.csv"])
    toy.notebook(house / "notebooks" / "01_a.ipynb", toy.WRITE, SLEEP)
    study(house, "01_a")
    process = toy.start(house, "run", "01")
    half_done(house)
    kernel = kernel_under(process)
    process.kill()
    process.communicate()
    toy.wait_for(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
    assert toy.files(house / "results/open/01_a") == earlier
    toy.notebook(house / "notebooks" / "01_a.ipynb", toy.WRITE)
    assert toy.allrelapse(house, "run", "01").returncode == 0
    assert set(toy.files(house / "results/open/01_a")) > {"tables/t.csv", "receipt.json"}
    assert sorted(p.name for p in (house / "results/open").iterdir()) == [".01_a.lock", "01_a"]
    assert not os.listdir(os.environ["TMPDIR"])


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [(["run", "01"], signal.SIGINT, 130), (["reproduce"], signal.SIGTERM, 143)],
)
def test_a_run_that_is_told_to_stop_cleans_up(command, number, code, house):
    toy.notebook(house / "notebooks" / "01_a.ipynb", toy.WRITE, SLEEP)
    study(house, "01_a")
    process = toy.start(house, *command)
    half_done(house)
    kernel = kernel_under(process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert ("interrupted" in stderr) == (number == signal.SIGINT)
    assert [p.name for p in (house / "results/open").iterdir()] == [".01_a.lock"]
    assert not kernel.is_running()
    assert not os.listdir(os.environ["TMPDIR"])


@pytest.mark.parametrize(("everything", "times"), [(False, 1), (True, 2)])
def test_after_kill_9_of_reproduce_the_next_one_finishes_the_study(everything, times, house):
    """What it started lives on, and is not done again; or it died too, and is done again."""
    count = "open(os.environ['HOME'] + '/runs', 'a').write('x')"
    mark = "(output / 'half').touch()"
    toy.notebook(house / "notebooks" / "01_a.ipynb", toy.WRITE, count, mark, PAUSE)
    study(house, "01_a", "02_b")
    process = toy.start(house, "reproduce", "--cores", "1")
    half_done(house)
    started = psutil.Process(process.pid).children(recursive=True) if everything else []
    process.kill()
    for child in started:
        child.kill()
    done = toy.allrelapse(house, "reproduce")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house / "home" / "runs").read_text() == times * "x"
    for name in ("01_a", "02_b"):
        made = json.loads((house / "results/open" / name / "receipt.json").read_text())
        assert "tables/t.csv" in made["outputs"]
    assert not [p for p in (house / "results/open").glob(".*") if p.is_dir()]
    process.communicate()


# Cohorts, in this very process.

OURS = {
    "patients.csv": "patient,relapse_day\nP1,240\nP2,700\n",
    "samples.csv": "sample,patient,stage\nP1-R,P1,relapse\n",
}
TINY = "patients: 4\nserial_patients: 1\nserial_samples: 4\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a study of which one analysis needs mutations."""
    needs = {"required": ["mutations"], "optional": ["drug_response"]}
    toy.write_study(tmp_path, toy.analysis("01_a"), toy.analysis("02_b", cohort=needs))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(capsys, *arguments):
    """Exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as end:
        cli.main(list(arguments))
    return end.value.code, *capsys.readouterr()


def put(folder, **changed):
    """A cohort of our tables with other text in place of some files."""
    folder.mkdir()
    for name, text in (OURS | changed).items():
        if text is not None:
            (folder / name).write_text(text)


def test_data_check_tells_what_is_there_and_which_analyses_can_run(here, capsys):
    put(here / "mine", **{"Mutations.csv": "x\n", "cohort.yaml": "build: hg19\n"})
    before = toy.files(here)
    code, out, err = command(capsys, "data", "check", "mine", "--study", "study.yaml")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "mine: our tables, positions of GRCh37"
    assert lines[1].startswith("  patients: 2 rows; without lineage, ")
    assert lines[2] == "  samples: 1 row; without day, purity, platform"
    assert lines[3] == "  note: files that are none of our tables, not read: Mutations.csv"
    assert lines[4:] == ["  01_a: can run", "  02_b: needs mutations"]
    assert toy.files(here) == before


def test_data_check_says_without_which_tables_an_analysis_runs(here, capsys):
    mutations = "sample,Chromosome,Start_Position\nP1-R,1,5\n"
    put(here / "mine", **{"mutations.csv": mutations})
    code, out, _ = command(capsys, "data", "check", "mine", "--study", "study.yaml")
    assert code == 0
    assert "  02_b: can run (without drug_response)" in out.splitlines()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"patients.csv": None}, "mine holds no cohort: it needs patients.csv"),
        (
            {"samples.csv": "sample,patient,stage\nP1-R,P1,Dx\n"},
            "mine/samples.csv has 1 fault:\n  line 2, column stage: 'Dx' must be one of",
        ),
        (
            {"patients.csv": "patient,relapse_day\nP1,2019-03-01\n"},
            "mine/patients.csv has 1 fault:\n  line 2, column relapse_day: '2019-03-01' is a date",
        ),
        (
            {"patients.csv": "patient\nP2\n"},
            "mine has 1 fault:\n  samples.csv: line 2, column patient: 'P1' is not in patients: ",
        ),
        (
            {"patients.csv": "patient,relapse_day,follow_up_day\n\n\nP1,240,239\n"},
            "mine has 1 fault:\n  patients.csv: line 4, column relapse_day: is after follow_up_day",
        ),
        (
            {"mutations.csv": f"sample,{','.join(VARIANT)}\nP1-R,1,5,C,T\nP1-R,1,6,C,C\n"},
            "mine/mutations.csv has 1 fault:\n  line 3: column Tumor_Seq_Allele2 is Reference_All",
        ),
        ({"samples.csv": ""}, "mine/samples.csv has 1 fault:\n  no rows"),
    ],
)
def test_data_check_tells_what_is_wrong_with_its_place(changed, told, here, capsys):
    put(here / "mine", **changed)
    code, out, err = command(capsys, "data", "check", "mine", "--study", "study.yaml")
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_data_check_of_no_folder_is_refused(here, capsys):
    code, _, err = command(capsys, "data", "check", "nowhere", "--study", "study.yaml")
    assert code == 2
    assert "nowhere: there is no such folder" in err


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Two cohorts made by the same command, and what was told."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "tiny.yaml").write_text(TINY)
    told = []
    for name in ("one", "two"):
        with pytest.MonkeyPatch.context() as patch:
            out, err = io.StringIO(), io.StringIO()
            patch.setattr("sys.stdout", out)
            patch.setattr("sys.stderr", err)
            options = ["--settings", str(folder / "tiny.yaml"), "--seed", "7", "--csv"]
            with pytest.raises(SystemExit) as end:
                cli.main(["simulate", *options, "--output", str(folder / name)])
        told.append((end.value.code, out.getvalue(), err.getvalue()))
    return folder, told


def test_simulate_gives_the_same_bytes_twice(simulated):
    folder, _ = simulated
    one = toy.files(folder / "one")
    assert one == toy.files(folder / "two")
    assert {"patients.csv", "mutations.csv", "truth/patients.parquet"} <= set(one)
    read = cohort.load(folder / "one")
    assert (read.form, read.build, len(read.patients)) == ("simulated", "GRCh37", 4)


def test_simulate_tells_its_progress_on_stderr_only(simulated):
    folder, told = simulated
    for (code, out, err), name in zip(told, ("one", "two"), strict=True):
        assert code == 0
        assert re.fullmatch(rf"4 patients in \d+ s, see {folder / name}\n", out)
        assert err.startswith("patients")
    assert sorted(p.name for p in folder.iterdir()) == ["one", "tiny.yaml", "two"]


def test_simulate_leaves_a_folder_alone_that_is_there(simulated, capsys):
    folder, _ = simulated
    before = toy.files(folder)
    code, out, err = command(capsys, "simulate", "--patients", "1", "--output", str(folder / "one"))
    assert (code, out) == (2, "")
    assert f"{folder / 'one'} is there already: name another folder, or remove it" in err
    assert toy.files(folder) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("patient: 4\n", "patient: no such setting; `allrelapse simulate --list` names them"),
        ("patients: many\n", "patients: Input should be a valid integer"),
        ("t_lineage: 2\n", "t_lineage: Input should be less than or equal to 1"),
        ("- patients\n", "lines such as `patients: 200` are needed"),
        ("patients: [\n", "cannot be read"),
    ],
)
def test_simulate_refuses_settings_that_are_none(text, told, here, capsys):
    (here / "own.yaml").write_text(text)
    code, out, err = command(capsys, "simulate", "--settings", "own.yaml", "--output", "new")
    assert (code, out) == (2, "")
    assert told in err
    assert not (here / "new").exists()


def test_simulate_refuses_no_patients(here, capsys):
    code, _, err = command(capsys, "simulate", "--patients", "0")
    assert code == 2
    assert "--patients" in err


def test_simulate_lists_every_setting_and_makes_nothing(here, capsys):
    code, out, err = command(capsys, "simulate", "--list", "--output", "new")
    assert (code, err) == (0, "")
    assert not (here / "new").exists()
    listed = [line.split()[0] for line in out.splitlines()[2:]]
    assert listed == list(Settings.model_fields)
