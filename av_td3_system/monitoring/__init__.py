"""Metrics, logs, guards and the run directory: what lets a run be watched. Knows only plain figures."""
