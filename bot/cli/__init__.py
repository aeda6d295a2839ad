"""The command line: one file per command, or a folder: setup, service, doctor and bugreport.

Start at arguments.py, which has the arguments of all commands. parser.py parses them, and dispatch.py calls the
command. A command is a function that prints and returns an exit code, or raises CopybaraError; main.py turns that into
`error:` and `hint:`. remote.py talks to the copybara that runs with the same home. May import everything below it, but
heavy modules only when a command needs them: `copybara --help` must be instant.
"""
