"""A client for Exact Online: login, limits, paging, failures. Knows nothing of Singer."""
