"""Logging in on a page that this program serves to the browser of the same computer."""
