"""``python -m web.cli``: the command line for places where no ``frontview`` script is installed."""

from web.cli import main

main()
