"""Pages in, Singer messages out."""
