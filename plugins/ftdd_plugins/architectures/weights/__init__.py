"""Weights for networks that a library builds by name: fetched, read from files, found in checkpoints, loaded."""
