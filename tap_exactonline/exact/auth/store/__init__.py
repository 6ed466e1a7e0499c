"""Where the tokens of a login are kept: in a file, or in PostgreSQL."""
