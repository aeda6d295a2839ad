// The connection that carries sound and picture to this machine's own program.

const MAX_BITRATE = 1_500_000;
// Milliseconds. Pictures are reported once a second, sound less often.
const REPORTED = 3000;
// Of a second's packets of the picture, the part that was sent before: with more of them the path is full of copies.
const MOSTLY = 0.5;
const SOME_PACKETS = 10;
// Looks with a picture on its way and no report of anything: both ways are full, for reports don't get through either.
const UNHEARD = 4;
// The part of the sound that doesn't arrive here: where more is lost, so are the reports on what is sent. After so many
// looks with neither it is taken for lost as well.
const MOST = 0.5;
const DEAF = 2;

// One leg to the program. Its offer has the fixed profile; no server is asked for anything, no candidate is sent. It may
// be offered again, when the program knows more about what comes.
export class Leg extends EventTarget {
  #connection = new RTCPeerConnection({ iceServers: [] });
  #sending;
  #update = () => this.#replace();
  #turn = Promise.resolve();
  #offer = "";
  // Seconds there and back.
  #least = Infinity;
  // Packets of the picture until the last look: all, and those that were sent again.
  #counted = { packetsSent: 0, retransmittedPacketsSent: 0 };
  // When the last report came, by the browser's clock, and the looks since then with a picture on its way.
  #reported = 0;
  #unheard = 0;
  // Packets of sound until the last look: those that arrived, and those that didn't. When its last report came, and the
  // looks since then at which most was lost.
  #incoming = { packetsReceived: 0, packetsLost: 0 };
  #soundReported = 0;
  #deaf = 0;
  // What the path carries, see slow_path.js.
  #fits = { picture: true, most: null, divisor: 1, sound: null };

  constructor(sending, number) {
    super();
    this.number = number;
    this.#sending = sending;
    this.#connection.addEventListener("track", (event) => {
      this.dispatchEvent(new CustomEvent("track", { detail: event.track }));
    });
    this.#connection.addEventListener("connectionstatechange", () => {
      const state = this.#connection.connectionState;
      if (state === "connected") this.#limit();
      this.dispatchEvent(new CustomEvent("state", { detail: state }));
    });
    sending.addEventListener("changed", this.#update);
  }

  // One offer after the other, or the second would find the first half answered.
  answer(sdp) {
    const answer = this.#turn.then(() => this.#answer(sdp));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #answer(sdp) {
    this.#offer = sdp;
    await this.#connection.setRemoteDescription({ type: "offer", sdp: packed(sdp, this.#fits.sound) });
    for (const transceiver of this.#connection.getTransceivers()) transceiver.direction = "sendrecv";
    await this.#replace();
    await this.#connection.setLocalDescription();
    return this.#connection.localDescription.sdp;
  }

  async #replace() {
    for (const { sender, receiver } of this.#connection.getTransceivers()) {
      const track = receiver.track.kind === "audio" ? this.#sending.sound : this.#sending.picture;
      if (sender.track !== track) await sender.replaceTrack(track).catch(() => {});
    }
    this.#limit();
  }

  // What a browser refuses while something else is negotiated is tried again with the next look at the path.
  // Firefox goes on sending the last picture once a second when there is no track, unless it is told to send nothing.
  #limit() {
    if (this.#connection.connectionState !== "connected") return;
    for (const { sender, receiver } of this.#connection.getTransceivers()) {
      if (receiver.track.kind !== "video") continue;
      const parameters = sender.getParameters();
      if (!parameters.encodings?.length) continue;
      const [encoding] = parameters.encodings;
      const { shared } = this.#sending;
      const preference = !shared ? "balanced" : shared.motion ? "maintain-framerate" : "maintain-resolution";
      const most = this.#fits.most ?? MAX_BITRATE;
      const active = Boolean(sender.track) && this.#fits.picture;
      // Small letters are worth more than motion.
      const divisor = preference === "maintain-resolution" ? 1 : this.#fits.divisor;
      const same = encoding.maxBitrate === most && encoding.active === active && (encoding.scaleResolutionDownBy ?? 1) === divisor;
      if (same && parameters.degradationPreference === preference) continue;
      encoding.maxBitrate = most;
      encoding.active = active;
      encoding.scaleResolutionDownBy = divisor;
      parameters.degradationPreference = preference;
      sender.setParameters(parameters).catch(() => {});
    }
  }

  // What is known of the path, as slow_path.js wants it, and how many packets have arrived. Null while there is no path.
  async path() {
    if (this.#connection.connectionState !== "connected") return null;
    const seen = { available: null, lost: null, late: null, pictured: Boolean(this.#sending.picture), arrived: 0, unheard: false };
    const found = await this.#connection.getStats();
    const lost = {};
    let [picture, sound, reported, soundReported, deaf] = [{ all: 0, again: 0 }, false, 0, 0, false];
    for (const each of found.values()) {
      // There are pairs that were tried before, with what was believed of them then.
      if (each.type === "transport") seen.available = found.get(each.selectedCandidatePairId)?.availableOutgoingBitrate ?? null;
      if (each.type === "inbound-rtp") seen.arrived += each.packetsReceived ?? 0;
      if (each.type === "inbound-rtp" && each.kind === "audio") deaf = this.#mostIsLost(each);
      if (each.type === "outbound-rtp" && each.kind === "audio") sound = each.packetsSent > 0;
      if (each.type === "outbound-rtp" && each.kind === "video") picture = this.#since(each);
      if (each.type === "remote-inbound-rtp") reported = Math.max(reported, each.timestamp);
      if (each.type === "remote-inbound-rtp" && each.kind === "audio") soundReported = each.timestamp;
      // What the other side has reported lately, of sound or picture; of one that is paused it reports nothing more.
      if (each.type !== "remote-inbound-rtp" || performance.timeOrigin + performance.now() - each.timestamp > REPORTED) continue;
      lost[each.kind] = each.fractionLost ?? 0;
      if (each.roundTripTime === undefined) continue;
      this.#least = Math.min(this.#least, each.roundTripTime);
      seen.late = Math.max(seen.late ?? 0, each.roundTripTime - this.#least);
    }
    // Of a small picture a second has few packets, and what is sent again counts as arrived: the sound's tell more.
    seen.lost = lost.audio ?? (sound ? null : lost.video ?? null);
    const again = picture.all >= SOME_PACKETS ? picture.again / picture.all : 0;
    if (again > MOSTLY) seen.lost = Math.max(seen.lost, again);
    this.#unheard = picture.all && reported && reported === this.#reported ? this.#unheard + 1 : 0;
    this.#deaf = deaf && soundReported === this.#soundReported ? this.#deaf + 1 : 0;
    [this.#reported, this.#soundReported] = [reported, soundReported];
    seen.unheard = this.#unheard >= UNHEARD || this.#deaf >= DEAF;
    return seen;
  }

  // The picture's packets since the last look: all, and those that were sent again.
  #since(now) {
    const grown = (name) => (now[name] ?? 0) - this.#counted[name];
    const picture = { all: grown("packetsSent"), again: grown("retransmittedPacketsSent") };
    this.#counted = { packetsSent: now.packetsSent ?? 0, retransmittedPacketsSent: now.retransmittedPacketsSent ?? 0 };
    return picture;
  }

  // Whether most of the sound that should have come since the last look hasn't.
  #mostIsLost({ packetsReceived = 0, packetsLost = 0 }) {
    const [arrived, lost] = [packetsReceived - this.#incoming.packetsReceived, packetsLost - this.#incoming.packetsLost];
    this.#incoming = { packetsReceived, packetsLost };
    return lost > 0 && lost >= MOST * (arrived + lost);
  }

  // Send what fits from now on.
  fit(fits) {
    const before = this.#fits;
    this.#fits = fits;
    this.#limit();
    if (before.sound === fits.sound || !this.#offer) return;
    // How sound is packed is the offer's to say: the same one is answered once more, and nobody else needs to know.
    this.#turn = this.#turn.then(() => this.#answer(this.#offer)).catch(() => {});
  }

  // Size and rate of the pictures that arrive.
  async received() {
    for (const each of (await this.#connection.getStats()).values()) {
      if (each.type === "inbound-rtp" && each.kind === "video" && each.frameWidth) {
        return { width: each.frameWidth, height: each.frameHeight, rate: Math.round(each.framesPerSecond ?? 0) };
      }
    }
    return null;
  }

  close() {
    this.#sending.removeEventListener("changed", this.#update);
    this.#connection.close();
  }
}

// An offer that asks for sound in so many bits a second and so long packets (RFC 7587, section 6.1; RFC 8866, section 6.4).
function packed(sdp, sound) {
  if (!sound) return sdp;
  return sdp.replace(
    /^a=fmtp:(\d+) (.*useinbandfec=1.*?)(\r\n)/m,
    `a=fmtp:$1 $2;maxaveragebitrate=${sound.bitrate}$3a=ptime:${sound.ptime}$3a=maxptime:${sound.ptime}$3`,
  );
}
