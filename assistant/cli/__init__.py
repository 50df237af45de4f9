"""The command line: the only place that prints, and the one that turns errors into exit codes."""
