"""Descent: is there a rise and a second fall in a noisy curve, where, how much, and how certain is that?

Functions of plain arrays; they know nothing of studies.
"""
