"""Connecting an account: in the terminal, or on a page that this program serves to the person's browser."""
