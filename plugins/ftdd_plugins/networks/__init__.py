"""The networks themselves: they import torch, so the components import them only to build."""
