// Camera, microphone, screen, and the connection that carries them to this machine's own program.

const MAX_BITRATE = 1_500_000;
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export const chosen = {
  camera: localStorage.getItem("camera") ?? "",
  mic: localStorage.getItem("mic") ?? "",
  speaker: localStorage.getItem("speaker") ?? "",
};

export function choose(kind, id) {
  chosen[kind] = id;
  localStorage.setItem(kind, id);
}

const exactly = (id) => (id ? { deviceId: { exact: id } } : {});

export function capture({ audio, video }) {
  return navigator.mediaDevices.getUserMedia({
    audio: audio ? { ...SOUND, ...exactly(chosen.mic) } : false,
    video: video ? { ...PICTURE, ...exactly(chosen.camera) } : false,
  });
}

// `what` is the device for people, such as `camera`.
export function why(error, what = "device") {
  switch (error?.name) {
    case "NotAllowedError":
      return { sentence: `The browser doesn't let this page use the ${what}.`, hint: "Allow it beside the address, then try again." };
    case "NotFoundError":
    case "OverconstrainedError":
      return { sentence: `There is no such ${what}.`, hint: "Choose another one under Devices." };
    case "NotReadableError":
      return { sentence: `Another program has the ${what}.`, hint: "Close that one, then try again." };
  }
  return { sentence: `The ${what} can't be used.`, hint: "Choose another one under Devices." };
}

// What this page sends in one call, through as many connections as the program asks for.
export class Sending extends EventTarget {
  audio = null;
  camera = null;
  screen = null;
  muted = false;
  cameraOff = false;
  #wanted;
  #ready = null;
  #over = false;

  constructor(media) {
    super();
    this.#wanted = media;
  }

  get picture() {
    return this.screen ?? (this.cameraOff ? null : this.camera);
  }

  get state() {
    return { audio: Boolean(this.audio) && !this.muted, video: Boolean(this.picture), screen: Boolean(this.screen) };
  }

  start() {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  async #start() {
    const kinds = { audio: true, video: this.#wanted === "video" };
    try {
      this.#hold(await capture(kinds));
    } catch (first) {
      // Without a camera one can still talk, and without a microphone still listen.
      const failed = kinds.video ? [] : ["microphone"];
      for (const [kind, name] of kinds.video ? [["audio", "microphone"], ["video", "camera"]] : []) {
        try {
          this.#hold(await capture({ audio: kind === "audio", video: kind === "video" }));
        } catch {
          failed.push(name);
        }
      }
      if (failed.length) this.dispatchEvent(new CustomEvent("problem", { detail: why(first, failed.join(" and the ")) }));
    }
    this.#changed();
  }

  #hold(stream) {
    for (const track of stream.getTracks()) {
      // The person was asked, and the call was over before they answered.
      if (this.#over || (track.kind === "video" && this.#wanted !== "video")) {
        track.stop();
      } else if (track.kind === "audio") {
        this.audio?.stop();
        this.audio = track;
        track.enabled = !this.muted;
      } else {
        this.camera?.stop();
        this.camera = track;
      }
    }
  }

  mute(muted) {
    this.muted = muted;
    if (this.audio) this.audio.enabled = !muted;
    this.#changed();
  }

  async turnCamera(off) {
    this.cameraOff = off;
    if (off) {
      this.camera?.stop();
      this.camera = null;
    } else if (!this.camera) {
      this.#hold(await capture({ audio: false, video: true }));
    }
    this.#changed();
  }

  async share() {
    if (this.screen) return this.stopSharing();
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false });
    if (this.#over) {
      for (const track of stream.getTracks()) track.stop();
      return undefined;
    }
    this.screen = stream.getVideoTracks()[0];
    this.screen.contentHint = "detail";
    this.screen.addEventListener("ended", () => this.stopSharing());
    this.#changed();
    return undefined;
  }

  stopSharing() {
    this.screen?.stop();
    this.screen = null;
    this.#changed();
  }

  async again(kind) {
    if (kind === "mic") this.#hold(await capture({ audio: true, video: false }));
    if (kind === "camera" && !this.cameraOff) this.#hold(await capture({ audio: false, video: true }));
    this.#changed();
  }

  onlySound() {
    if (this.#wanted === "audio") return;
    this.#wanted = "audio";
    for (const track of [this.camera, this.screen]) track?.stop();
    this.camera = this.screen = null;
    this.#changed();
  }

  stop() {
    this.#over = true;
    for (const track of [this.audio, this.camera, this.screen]) track?.stop();
    this.audio = this.camera = this.screen = null;
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}

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
      const track = receiver.track.kind === "audio" ? this.#sending.audio : this.#sending.picture;
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
