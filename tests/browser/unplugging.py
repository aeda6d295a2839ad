"""Fake microphones and cameras that a test can unplug from a browser."""

from __future__ import annotations

DEVICES = """
(() => {
  // What is plugged in, in a browser whose devices are made up: kinds that are gone, and a device that was chosen.
  window.gone = new Set();
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.captured = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    for (const kind of ["audio", "video"]) {
      if (wanted[kind] && window.gone.has(kind)) throw new DOMException("gone", "NotFoundError");
    }
    const stream = await native(wanted);
    window.captured.push(...stream.getTracks());
    return stream;
  };
  window.unplug = (kind) => {
    window.gone.add(kind);
    const track = window.captured.findLast((each) => each.kind === kind && each.readyState === "live");
    track.stop();
    track.dispatchEvent(new Event("ended"));
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  };
  window.plug = (kind) => {
    window.gone.delete(kind);
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
  };
})()
"""
"`unplug` and `plug` take `audio` or `video`; `captured` are the tracks that the page got."
