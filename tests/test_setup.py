"""The ways to set up agree with each other."""

import re
import subprocess
import tomllib

import yaml

from allrelapse import paths

PROJECT = tomllib.loads((paths.REPOSITORY / "pyproject.toml").read_text())["project"]
LOCK = (paths.REPOSITORY / "requirements.lock").read_text()
PINNED = re.findall(r"^([\w.-]+)==", LOCK, flags=re.MULTILINE)


def test_lock_pins_every_direct_dependency():
    direct = {re.split(r"[^\w.-]", name)[0] for name in PROJECT["dependencies"]}
    assert direct <= set(PINNED)


def test_lock_has_a_hash_for_every_package_and_no_address():
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PINNED) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|^\s*--(extra-)?index-url|--find-links", LOCK, flags=re.MULTILINE)


def test_conda_environment_is_python_pip_and_the_same_lock():
    conda = yaml.safe_load((paths.REPOSITORY / "environment.yml").read_text())
    python, pip, installs = conda["dependencies"]
    assert python == f"python {PROJECT['requires-python']}"
    assert pip == "pip"
    assert installs == {"pip": ["-r requirements.lock"]}


def test_make_alone_lists_every_target_with_a_line_of_help():
    run = ["make", "--no-print-directory", "-C", str(paths.REPOSITORY)]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    makefile = (paths.REPOSITORY / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split()
    assert len(targets) > 5
    for target in targets:
        assert re.search(rf"^  make {target} +\w.{{10,}}$", shown, flags=re.MULTILINE), target
