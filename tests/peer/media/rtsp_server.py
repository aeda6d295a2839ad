"""A camera for tests: GStreamer's RTSP server with a file in it, as a program of its own.

    /usr/bin/python3 rtsp_server.py FILE PORT [USER PASSWORD]

Runs with the system's Python, where Debian has GStreamer's bindings. Says `ready` when it can be called.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    "( filesrc location={file} ! matroskademux name=demux "
    "demux. ! queue ! rtph264pay name=pay0 pt=96 config-interval=1 "
    "demux. ! queue ! mulawenc ! rtppcmupay name=pay1 pt=0 )"
)


def main(file: str, port: str, user: str = "", password: str = "") -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(PIPELINE.format(file=file))
    if user:
        auth = GstRtspServer.RTSPAuth.new()
        auth.set_supported_methods(
            GstRtspServer.RTSPAuthMethod.DIGEST if hasattr(GstRtspServer, "RTSPAuthMethod") else 2
        )
        token = GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "viewer")
        auth.add_digest(user, password, token)
        server.set_auth(auth)
        factory.add_role_from_structure(
            Gst.Structure.new_from_string("viewer, media.factory.access=true, media.factory.construct=true;")
        )
    server.get_mount_points().add_factory("/stream", factory)
    if not server.attach(None):
        raise SystemExit(f"port {port} is taken")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
