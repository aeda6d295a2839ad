// Every sound that the page makes, of sine waves: no file, no licence, no request. Nothing is scheduled while the browser
// keeps the page silent, or all of it would sound at once at the first click.

import { atEachGesture } from "./gestures.js";

let context = null;

function sounding() {
  context ??= new AudioContext();
  if (context.state !== "running") context.resume().catch(() => {});
  return context;
}

// Whether the browser would play nothing now; it wants a gesture first.
export function silentByBrowser() {
  return sounding().state !== "running";
}

// Calls `tell` now, and whenever the browser begins or ceases to let the page be heard.
export function whenAudible(tell) {
  sounding().addEventListener("statechange", () => tell(!silentByBrowser()));
  tell(!silentByBrowser());
}

// It may have been suspended or interrupted while the page was out of sight.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && context) sounding();
});

atEachGesture(() => {
  if (context?.state !== "running") sounding();
});

function note(frequency, start, length, loudness) {
  const audio = sounding();
  const at = audio.currentTime + start;
  const wave = audio.createOscillator();
  const gain = audio.createGain();
  wave.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.01);
  gain.gain.setValueAtTime(loudness, at + length - 0.04);
  gain.gain.linearRampToValueAtTime(0, at + length);
  wave.connect(gain).connect(audio.destination);
  wave.start(at);
  wave.stop(at + length);
  return wave;
}

function played(notes) {
  return silentByBrowser() ? [] : notes.map((each) => note(...each));
}

// Notes that come again and again until they are stopped, which is at once.
function repeating(notes, milliseconds) {
  let timer = 0;
  let waves = [];
  const once = () => { waves = played(notes); };
  const heardNow = () => {
    if (timer && !waves.length) once();
  };
  return {
    start() {
      if (timer) return;
      once();
      timer = setInterval(once, milliseconds);
      sounding().addEventListener("statechange", heardNow);
    },
    stop() {
      if (!timer) return;
      clearInterval(timer);
      sounding().removeEventListener("statechange", heardNow);
      timer = 0;
      for (const wave of waves) wave.stop();
      waves = [];
    },
  };
}

// Incoming call.
export const ringTone = repeating(
  [[659, 0, 0.2, 0.12], [880, 0.2, 0.22, 0.12], [659, 0.45, 0.2, 0.12], [880, 0.65, 0.22, 0.12]], 2600);

// Incoming call while a call is up: heard beside a voice, and not louder.
export const waitingTone = repeating([[523, 0, 0.14, 0.04], [523, 0.24, 0.14, 0.04]], 5000);

// The other side has put the call on hold: now and then, so that one knows it is still there.
export const holdTone = repeating([[392, 0, 0.3, 0.03], [330, 0.35, 0.3, 0.03]], 8000);

// It rings at the other side. The European tone (ITU-T E.180), quiet.
export const ringback = repeating([[425, 0, 1, 0.04]], 5000);

// A call was answered automatically, here or there: the notes of peer/media/endpoints/answer_chime.py.
export function chime() {
  played([[660, 0, 0.2, 0.15], [880, 0.2, 0.2, 0.15], [660, 0.4, 0.2, 0.15]]);
}

// The other side begins to record the call: the notes of peer/media/call_recordings.py. After the chime, if there is one;
// a page that is silent still plays them as soon as it can be heard.
export function recordingTone() {
  const notes = [[1400, 0.8, 0.2, 0.1], [1400, 1, 0.2, 0.1]];
  if (played(notes).length) return;
  const audio = sounding();
  audio.addEventListener("statechange", function heard() {
    if (played(notes).length) audio.removeEventListener("statechange", heard);
  });
}

export function tryTone() {
  played([[523, 0, 0.5, 0.12]]);
}
