"""Similarity schemes."""
