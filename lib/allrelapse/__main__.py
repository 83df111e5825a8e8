"""`python -m allrelapse` is the command `allrelapse`."""

from allrelapse.cli import main

main()
