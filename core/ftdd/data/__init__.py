"""Images and what is drawn of them: shapes, seeds, subsets, label noise."""
