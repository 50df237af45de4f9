"""What can go wrong in the harness itself; knows nothing else."""


class BenchmarkError(Exception):
    """A scenario cannot be measured; the message is one sentence that a row can carry."""
