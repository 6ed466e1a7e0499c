"""Attacks on the tap, repeated on the present tree: ``python -m scripts.attack``."""
