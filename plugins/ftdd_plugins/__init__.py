"""What ships with ftdd: one file a thing, each found by its entry point like anybody else's."""
