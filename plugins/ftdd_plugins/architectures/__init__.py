"""Architectures: a module, or a folder, each."""
