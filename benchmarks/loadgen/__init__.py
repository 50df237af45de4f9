"""Scenarios whose questions are issued by MLPerf LoadGen."""
