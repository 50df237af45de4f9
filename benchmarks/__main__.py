"""`python -m benchmarks`; knows nothing but where the commands are."""

from benchmarks.command import main

main()
