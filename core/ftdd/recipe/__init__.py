"""Recipes: from a YAML file to a study, or to all of its mistakes."""
