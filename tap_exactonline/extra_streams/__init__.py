"""The setting `extra_streams`: endpoints of the user's own choice."""
