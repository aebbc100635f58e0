"""Networks as chains of layers, and how a network of another package is cut into one."""
