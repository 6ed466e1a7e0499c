"""What is remembered from run to run: one bookmark for each stream and division, and one owner, the writer."""
