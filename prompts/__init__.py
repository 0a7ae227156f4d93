"""What is said to language models."""
