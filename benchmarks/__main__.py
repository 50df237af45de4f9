"""`python -m benchmarks`; knows nothing but where the commands are."""

from benchmarks.cli.main import main

main()
