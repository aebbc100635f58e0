"""What the commands and `import ftdd` do: run a study, open one, compare several."""
