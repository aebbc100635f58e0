def print_summary(a, b):
    pass
