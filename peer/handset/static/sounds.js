// The ring tone and the notice of an automatic answer, made of sine waves: no file, no licence, no request.

let context = null;
let ringing = 0;

function sounding() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

// Whether the browser would play something now; it wants a gesture first.
export function silentByBrowser() {
  return sounding().state === "suspended";
}

export function unlock() {
  sounding();
}

function note(frequency, start, length, loudness) {
  const audio = sounding();
  const at = audio.currentTime + start;
  const wave = audio.createOscillator();
  const gain = audio.createGain();
  wave.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.02);
  gain.gain.setValueAtTime(loudness, at + length - 0.08);
  gain.gain.linearRampToValueAtTime(0, at + length);
  wave.connect(gain).connect(audio.destination);
  wave.start(at);
  wave.stop(at + length);
}

function ringOnce() {
  for (const start of [0, 0.45]) {
    note(659, start, 0.2, 0.12);
    note(880, start + 0.2, 0.22, 0.12);
  }
}

export function ring() {
  if (ringing) return;
  ringOnce();
  ringing = setInterval(ringOnce, 2600);
}

export function stopRinging() {
  clearInterval(ringing);
  ringing = 0;
}

// Somebody hears and sees you now, and nobody was asked.
export function chime() {
  note(1047, 0, 0.16, 0.15);
  note(784, 0.18, 0.16, 0.15);
  note(1047, 0.36, 0.28, 0.15);
}

export function tryTone() {
  note(523, 0, 0.5, 0.12);
}
