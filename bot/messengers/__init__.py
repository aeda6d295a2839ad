"""The ways to read and write messages, one a file."""
