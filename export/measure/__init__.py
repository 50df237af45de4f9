"""Measures artifacts on the runtime that ships. Knows no conversion, gate or command line."""
