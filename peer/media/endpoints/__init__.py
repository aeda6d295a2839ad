"""What a call can be connected to: one endpoint a file, with the class and the function `make` that configures it.

`peer.media.MODULES` lists them; `wait_for_owner`, `answer_chime` and `send_and_receive` wrap others. All send through
`rtp/sending.py`, and read through `rtp/incoming.py` or not at all. May import all of `peer.media`, `peer.transport` and
`shared`. Start with `none.py` and `pattern.py`.
"""
