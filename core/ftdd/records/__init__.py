"""What is written down of runs and studies, as values."""
