"""What several tests share."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import configuration, settings

# minutes each
LONGEST = ("test_notebooks.py", "test_other_cohorts.py", "test_cli.py", "test_class_masters.py")

# hypothesis would keep its notes in the working folder
NOTES = tempfile.TemporaryDirectory(prefix="hypothesis-")
configuration.set_hypothesis_home_dir(NOTES.name)
settings.register_profile("ours", database=None, deadline=None, derandomize=True, max_examples=60)
settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_unconfigure() -> None:
    NOTES.cleanup()


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of open data files; without it the test is skipped, but fails where CI is set."""
    folder = os.environ.get("ALLRELAPSE_MIRROR")
    if folder and Path(folder).is_dir():
        return Path(folder)
    if os.environ.get("CI"):
        pytest.fail("the open data files are needed here: set ALLRELAPSE_MIRROR to their folder")
    pytest.skip("needs the open data files: set ALLRELAPSE_MIRROR to their folder")
