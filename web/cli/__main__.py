"""``python -m web.cli``: the command line where no ``frontview`` script is installed."""

from web.cli import main

main()
