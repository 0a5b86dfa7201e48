"""The year under way and its end: snapshots, progress, shocks, verdicts."""
