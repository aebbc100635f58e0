"""Scores of how alike two sets of features are, and how well features fit labels: pure functions on numpy arrays.

`samples` says which images they are computed on.
"""
