"""The command line: one file a command.

Start at arguments.py, which has the arguments of all commands; parser.py parses them, and dispatch.py calls the
command. A command is a function that prints and returns an exit code, and raises CopybaraError when it can't be carried
out; main.py makes `error:` and `hint:` of that. remote.py speaks with the copybara that runs with the same home. May
import everything below it, but nothing heavy before a command needs it: `copybara --help` has to be instant.
"""
