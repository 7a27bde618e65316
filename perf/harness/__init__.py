"""Measures and reports: perf/README.md."""
