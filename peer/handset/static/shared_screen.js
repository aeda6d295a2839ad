// A screen that is shared: its picture, its sound where the browser gives it, and whether text or motion matters more.

const RATE = { detail: 15, motion: 30 };

export class SharedScreen {
  picture;
  sound;

  // Asks the person what to share. The sound of the whole system has the call in it, which would come back to the other
  // side as an echo: it is asked for only where the browser leaves out what this page plays.
  static async choose() {
    const { restrictOwnAudio } = navigator.mediaDevices.getSupportedConstraints();
    const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return new SharedScreen(await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { max: RATE.detail } },
      audio: restrictOwnAudio ? { ...asItIs, restrictOwnAudio: true } : asItIs,
      systemAudio: restrictOwnAudio ? "include" : "exclude",
      surfaceSwitching: "include",
      selfBrowserSurface: "exclude",
    }));
  }

  constructor(stream) {
    this.picture = stream.getVideoTracks()[0];
    this.sound = stream.getAudioTracks()[0] ?? null;
    this.picture.contentHint = "detail";
  }

  get motion() {
    return this.picture.contentHint === "motion";
  }

  // Sharp text, or smooth motion: what the encoder gives up when the path is narrow.
  show(motion) {
    this.picture.contentHint = motion ? "motion" : "detail";
    this.picture.applyConstraints({ frameRate: { max: RATE[this.picture.contentHint] } }).catch(() => {});
  }

  stop() {
    this.picture.stop();
    this.sound?.stop();
  }
}
