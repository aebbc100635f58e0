"""What networks of timm and of torchvision share: cutting them, and reading weights."""
