"""What a page holds: decoding, values, schema, lines."""
