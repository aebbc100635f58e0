"""Figures of a study and of a comparison, drawn with matplotlib."""
