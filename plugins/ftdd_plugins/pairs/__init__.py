"""Pairs of source and target, each with its data set."""
