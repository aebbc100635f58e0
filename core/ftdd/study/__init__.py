"""Studies carried out: run folders, the plan, one run, all runs."""
