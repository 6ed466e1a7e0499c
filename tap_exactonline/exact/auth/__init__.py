"""The login: who may ask Exact Online, with which token, and where that is kept."""
