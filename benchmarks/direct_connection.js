// In a handset page that is in a call: a connection to the other page without anybody between, and the switch from one
// to the other. What the page's own connection is limited to, this one is limited to as well. It goes over this machine's
// `directAddress` only, loopback without one.
(() => {
  const MAX_BITRATE = 1_500_000;
  const ADDRESS = window.directAddress ?? "127.0.0.1";
  const EXTENSIONS = ["urn:ietf:params:rtp-hdrext:sdes:mid", "abs-send-time", "transport-wide-cc"];

  const relayed = watched.connections.find((each) => each.connectionState === "connected");
  const page = document.getElementById("remote-video");
  const direct = new RTCPeerConnection({ iceServers: [] });
  const tracks = relayed.getSenders().map((sender) => sender.track);
  const picture = tracks.find(({ kind }) => kind === "video");
  // The page gives its senders their tracks again whenever it packs the sound in another way. While the other connection
  // sends, they get none.
  const idle = new Set();
  for (const sender of relayed.getSenders()) {
    const replace = sender.replaceTrack.bind(sender);
    sender.replaceTrack = (track) => replace(idle.has(sender) ? null : track);
  }
  const send = (sender, track) => {
    if (track) idle.delete(sender);
    else idle.add(sender);
    return sender.replaceTrack(track);
  };
  const video = page.cloneNode();
  const audio = new Audio();
  direct.addEventListener("track", ({ track }) => {
    (track.kind === "video" ? video : audio).srcObject = new MediaStream([track]);
  });

  // Each track is in a stream of its own: the browser holds no picture back for the sound.
  // The profile is our program's: one codec each, the same header extensions, and one address as the only way.
  const profile = (sdp) =>
    sdp.split("\r\n").filter((line) =>
      line.startsWith("a=extmap:") ? EXTENSIONS.some((each) => line.includes(each))
      : line.startsWith("a=candidate:") ? line.includes(` ${ADDRESS} `) && / udp /i.test(line)
      : true).join("\r\n");

  const codec = (kind) => RTCRtpReceiver.getCapabilities(kind).codecs
    .filter(({ mimeType }) => mimeType === (kind === "video" ? "video/VP8" : "audio/opus"));

  async function described() {
    for (const transceiver of direct.getTransceivers()) {
      transceiver.direction = "sendrecv";
      transceiver.setCodecPreferences(codec(transceiver.receiver.track.kind));
    }
    await direct.setLocalDescription();
    while (direct.iceGatheringState !== "complete")
      await new Promise((done) => direct.addEventListener("icegatheringstatechange", done, { once: true }));
    return profile(direct.localDescription.sdp);
  }

  async function offer() {
    for (const track of tracks) direct.addTransceiver(track, { streams: [new MediaStream([track])] });
    return described();
  }

  async function answer(sdp) {
    await direct.setRemoteDescription({ type: "offer", sdp });
    for (const { sender, receiver } of direct.getTransceivers()) {
      const track = tracks.find(({ kind }) => kind === receiver.track.kind);
      sender.setStreams(new MediaStream([track]));
      await sender.replaceTrack(track);
    }
    return described();
  }

  async function connected() {
    while (direct.connectionState !== "connected")
      await new Promise((done) => direct.addEventListener("connectionstatechange", done, { once: true }));
    for (const sender of direct.getSenders().filter(({ track }) => track.kind === "video")) {
      const parameters = sender.getParameters();
      parameters.encodings[0].maxBitrate = MAX_BITRATE;
      parameters.degradationPreference = "balanced";
      await sender.setParameters(parameters);
    }
  }

  // Send pictures on one connection only, and show those that come on it: at the page's place for them, of the same
  // size. The sound goes on in both: after a pause the browser would hold pictures back for it.
  async function through(how) {
    for (const connection of [relayed, direct])
      for (const { sender, receiver } of connection.getTransceivers())
        if (receiver.track.kind === "video")
          await send(sender, connection === (how === "direct" ? direct : relayed) ? picture : null);
    if (how === "direct") {
      video.style.cssText = page.style.cssText;
      page.after(video);
    } else video.remove();
    page.style.display = how === "direct" ? "none" : "";
    await Promise.all([(how === "direct" ? video : page).play(), audio.play()]);
  }

  // The same for the sound as well, and without a place in the page: nothing passes the other connection.
  async function only(how) {
    for (const connection of [relayed, direct])
      for (const { sender, receiver } of connection.getTransceivers()) {
        const track = tracks.find(({ kind }) => kind === receiver.track.kind);
        await send(sender, connection === (how === "direct" ? direct : relayed) ? track : null);
      }
    if (how === "direct") await Promise.all([video.play(), audio.play()]);
  }

  // What has arrived on one of them, and what it believes of the path.
  async function counted(how) {
    const found = {};
    const stats = await (how === "direct" ? direct : relayed).getStats();
    for (const each of stats.values()) {
      if (each.type === "inbound-rtp" && each.kind === "audio") {
        found.samples = each.totalSamplesReceived ?? 0;
        found.concealed = each.concealedSamples ?? 0;
      } else if (each.type === "inbound-rtp") {
        found.pictures = each.framesDecoded ?? 0;
        found.frozen = each.totalFreezesDuration ?? 0;
        found.width = each.frameWidth ?? 0;
      } else if (each.type === "transport") {
        found.available = stats.get(each.selectedCandidatePairId)?.availableOutgoingBitrate ?? 0;
      }
    }
    return found;
  }

  const shown = () => (video.isConnected ? video : page);

  const accept = (sdp) => direct.setRemoteDescription({ type: "answer", sdp });

  window.direct = { offer, answer, accept, connected, through, only, counted, shown };
})();
