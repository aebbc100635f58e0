"""Studies executed: run folders, the plan, one run, all runs."""
