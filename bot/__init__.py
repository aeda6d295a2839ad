"""The conversation: messengers, commands, texts and the command line."""
