"""The two ways in which input can be wrong."""


class InputError(ValueError):
    """Input that cannot be used; the message names the place and the mend."""


class DataNotAtHandError(InputError):
    """An open data file that is neither in the mirror folder, nor cached, nor reachable."""
