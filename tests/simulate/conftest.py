"""Simulated cohorts and leukaemias that several tests look at."""

import numpy as np
import pytest

from allrelapse import simulate
from allrelapse.simulate.patient import history


@pytest.fixture(scope="session")
def cohort():
    """The default cohort of one seed."""
    return simulate.cohort(3)


@pytest.fixture(scope="session")
def histories():
    """Leukaemias that came back, under the default settings."""
    settings = simulate.Settings()
    return [history(settings, np.random.default_rng([3, k])) for k in range(500)]
