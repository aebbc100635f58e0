"""What analyses are given, and what they give."""
