"""The terminal: what a person sees there, and is asked.

Start at streams.py, through which everything is printed; wrapping.py breaks lines for it, and line_writer.py keeps a
reader that stops from holding up a call. asking.py asks, slow_steps.py says what takes long, qr_code.py draws a code,
as_root.py writes a command that only root may run, and texts.py has the terminal's own sentences. May import kinds and
shared.
"""
