"""`python -m benchmarks`: one module a group of commands. The only place that prints and ends the process."""
