"""The page of a study: what stands on it, and how it is written."""
