"""Checkpoints, manifest, random state and signals: what lets a run survive. Knows only plain state."""
