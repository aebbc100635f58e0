"""Training: from a chain and a task to a curve. Settings load without torch; the rest needs it."""
