// The connection that carries sound and picture to this machine's own program.

const MAX_BITRATE = 1_500_000;

// One leg to the program. Its offer has the fixed profile; no server is asked for anything, no candidate is sent. It may
// be offered again, when the program knows more about what comes.
export class Leg extends EventTarget {
  #connection = new RTCPeerConnection({ iceServers: [] });
  #sending;
  #update = () => this.#replace();
  #turn = Promise.resolve();

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
    await this.#connection.setRemoteDescription({ type: "offer", sdp });
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

  // Firefox goes on sending the last picture once a second when there is no track, unless it is told to send nothing.
  #limit() {
    if (this.#connection.connectionState !== "connected") return;
    for (const { sender, receiver } of this.#connection.getTransceivers()) {
      if (receiver.track.kind !== "video") continue;
      const parameters = sender.getParameters();
      if (!parameters.encodings?.length) continue;
      parameters.encodings[0].maxBitrate = MAX_BITRATE;
      parameters.encodings[0].active = Boolean(sender.track);
      const { shared } = this.#sending;
      parameters.degradationPreference = !shared ? "balanced" : shared.motion ? "maintain-framerate" : "maintain-resolution";
      sender.setParameters(parameters).catch(() => {});
    }
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
