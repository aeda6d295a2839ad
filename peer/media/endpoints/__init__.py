"""The endpoints, one per file: what a call can be connected to. Each file has the class and a function `make`.

`make` configures the endpoint for one call, and `peer/media/endpoint_kinds.py` lists the files. `wait_for_owner`,
`answer_chime` and `send_and_receive` wrap other endpoints. All endpoints send through `rtp/sending.py`; those that read
media do so through `rtp/incoming.py`. May import all of `peer.media`, `peer.transport` and `shared`. Start with
`none.py` and `pattern.py`.
"""
