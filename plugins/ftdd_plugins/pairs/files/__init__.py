"""Data sets of images: their files, found, checked, fetched and read."""
