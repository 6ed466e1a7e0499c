"""What ``tap-exactonline divisions``, ``check`` and ``logout`` do."""
