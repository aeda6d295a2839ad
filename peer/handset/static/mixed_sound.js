// The microphone and a shared screen's sound as one track.

export class MixedSound {
  #context = new AudioContext();
  #both = this.#context.createMediaStreamDestination();
  #microphone = null;
  #track = null;

  constructor(sound) {
    this.#source(sound).connect(this.#both);
    this.#context.resume().catch(() => {});
  }

  get track() {
    return this.#both.stream.getAudioTracks()[0];
  }

  // The microphone that there is now; null: none.
  microphone(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.#microphone?.disconnect();
    this.#microphone = track && this.#source(track);
    this.#microphone?.connect(this.#both);
  }

  close() {
    this.track.stop();
    this.#context.close().catch(() => {});
  }

  #source(track) {
    return this.#context.createMediaStreamSource(new MediaStream([track]));
  }
}
