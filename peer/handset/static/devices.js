// Camera, microphone and speaker: which were chosen, and how they are opened. One that is gone gives way to the system's.

// What the browser does with the microphone's sound, unless the person switches it off.
export const FILTERS = ["echoCancellation", "noiseSuppression", "autoGainControl"];

const SIZES = { "320x240": [320, 240], "640x480": [640, 480], "1280x720": [1280, 720] };
const USUAL_SIZE = "640x480";

const GONE = ["NotFoundError", "OverconstrainedError"];

export const chosen = {
  camera: localStorage.getItem("camera") ?? "",
  mic: localStorage.getItem("mic") ?? "",
  speaker: localStorage.getItem("speaker") ?? "",
};

export function choose(kind, id) {
  chosen[kind] = id;
  localStorage.setItem(kind, id);
}

export const filterIsOn = (name) => localStorage.getItem(name) !== "off";

export function switchFilter(name, on) {
  localStorage.setItem(name, on ? "on" : "off");
}

export function size() {
  const kept = localStorage.getItem("size");
  return kept in SIZES ? kept : USUAL_SIZE;
}

export function chooseSize(name) {
  localStorage.setItem("size", name);
}

const sound = () => Object.fromEntries(FILTERS.map((name) => [name, filterIsOn(name)]));

export function picture() {
  const [width, height] = SIZES[size()];
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30, max: 30 } };
}

const exactly = (id) => (id ? { deviceId: { exact: id } } : {});

// Exactly the chosen devices, or an error.
export function capture({ audio, video }) {
  return navigator.mediaDevices.getUserMedia({
    audio: audio ? { ...sound(), ...exactly(chosen.mic) } : false,
    video: video ? { ...picture(), ...exactly(chosen.camera) } : false,
  });
}

// One device: the chosen one, else the system's. Says whether another had to do.
export async function open(kind) {
  const wanted = { audio: kind === "mic", video: kind === "camera" };
  try {
    return { stream: await capture(wanted), another: false };
  } catch (error) {
    if (!chosen[kind] || !GONE.includes(error.name)) throw error;
  }
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: wanted.audio ? sound() : false, video: wanted.video ? picture() : false,
  });
  return { stream, another: true };
}

// Why a device can't be had, in one word: a key of TROUBLES.
export function cause(error) {
  if (GONE.includes(error?.name)) return "absent";
  return { NotAllowedError: "denied", NotReadableError: "busy" }[error?.name] ?? "broken";
}

const TROUBLES = {
  absent: {
    mic: "No microphone found, so others can't hear you. One that you plug in is used at once.",
    camera: "No camera found, so others can't see you. One that you plug in is used at once.",
    both: "No microphone or camera found. You still see and hear the others. What you plug in is used at once.",
  },
  denied: {
    mic: "The browser doesn't let this page use the microphone, so others can't hear you. Allow it beside the address.",
    camera: "The browser doesn't let this page use the camera, so others can't see you. Allow it beside the address.",
    both: "The browser doesn't let this page use microphone and camera. Allow both beside the address.",
  },
  busy: {
    mic: "Another program is using the microphone. Close it, then unmute.",
    camera: "Another program is using the camera. Close it, then turn the camera on.",
    both: "Another program is using microphone and camera. Close it, then try again.",
  },
  broken: {
    mic: "The microphone can't be used. Choose another one under Settings.",
    camera: "The camera can't be used. Choose another one under Settings.",
    both: "Microphone and camera can't be used. Choose others under Settings.",
  },
  asking: {
    mic: "The browser asks whether this page may use the microphone. Answer it beside the address: they can't hear you yet.",
    camera: "The browser asks whether this page may use the camera. Answer it beside the address: they can't see you yet.",
    both: "The browser asks whether this page may use microphone and camera. Answer it beside the address: they can't hear or see you yet.",
  },
  slow: {
    mic: "The microphone takes long to start. They can't hear you yet.",
    camera: "The camera takes long to start. They can't see you yet.",
    both: "Microphone and camera take long to start. They can't hear or see you yet.",
  },
  lost: {
    mic: "Your microphone was disconnected: they can't hear you. Plug one in, and it is used at once.",
    camera: "Your camera was disconnected: they can't see you. Plug one in, and it is used at once.",
    both: "Your microphone and camera were disconnected. Plug others in, and they are used at once.",
  },
  quiet: {
    mic: "Your microphone is switched off outside this page, perhaps by a phone call: they can't hear you.",
    camera: "Your camera is switched off outside this page, perhaps by another app: they can't see you.",
    both: "Your microphone and camera are switched off outside this page, perhaps by a phone call.",
  },
};

// What is wrong with microphone and camera, as one sentence or two; empty if nothing is.
export function troubleInWords({ mic, camera }) {
  if (mic && mic === camera) return TROUBLES[mic].both;
  return [mic && TROUBLES[mic].mic, camera && TROUBLES[camera].camera].filter(Boolean).join(" ");
}

// What is missing among the devices that the browser lists, as above; empty if both kinds are there.
export function absentInWords(devices) {
  const absent = (type) => (devices.some((device) => device.kind === type) ? "" : "absent");
  return troubleInWords({ mic: absent("audioinput"), camera: absent("videoinput") });
}

// For a device that was asked for just now; `kind` is `mic`, `camera` or `screen`.
export function why(error, kind) {
  if (kind === "screen") return "The screen can't be shared.";
  return TROUBLES[cause(error)][kind];
}
