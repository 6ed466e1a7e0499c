"""Singer tap for Exact Online."""

DISTRIBUTION = "singer-tap-exactonline"
"""Its name on the package index, where ``tap-exactonline`` belongs to another project."""
