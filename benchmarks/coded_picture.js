// A camera whose picture says when it was drawn, and an eye that reads it. It runs in a page before
// the page's own scripts.
//
// The code is 32 blocks of 40x40 pixels, black or white, above a picture that moves: 26 bits of the time in tenths of a
// millisecond, and its remainder by 61, plus one, in 6 bits, so that no picture with a wrong block counts, nor the black
// one that a <video> may show first.
(() => {
  const WIDTH = 640, HEIGHT = 480;
  // Not a part of the screen's 60, so that pictures are drawn at all moments between two of its own.
  const RATE = 29;
  const COLUMNS = 16, ROWS = 2, BLOCK = 40, READ = 5;
  const TURN = 2 ** 26, CHECKS = 64, PRIME = 61;

  const checkOf = (value) => (value % PRIME) + 1;

  // All pages of one machine have this clock.
  const tenths = () => Math.floor((performance.timeOrigin + performance.now()) * 10);

  const eye = new OffscreenCanvas(COLUMNS * READ, ROWS * READ).getContext("2d", { willReadFrequently: true });

  function draw(picture) {
    const value = tenths() % TURN;
    const code = value * CHECKS + checkOf(value);
    picture.fillStyle = "#c4d6d0";
    picture.fillRect(0, 0, WIDTH, HEIGHT);
    for (let number = 0; number < 24; number++) {
      const angle = value / 8000 + number;
      picture.fillStyle = `hsl(${number * 15} 60% 50%)`;
      picture.fillRect(300 + 260 * Math.cos(angle), 260 + 140 * Math.sin(angle * 1.3), 60, 60);
    }
    for (let bit = 0; bit < COLUMNS * ROWS; bit++) {
      picture.fillStyle = Math.floor(code / 2 ** bit) % 2 ? "white" : "black";
      picture.fillRect((bit % COLUMNS) * BLOCK, Math.floor(bit / COLUMNS) * BLOCK, BLOCK, BLOCK);
    }
  }

  // What the picture's code says; null where a block is wrong.
  function read(video) {
    const { videoWidth, videoHeight } = video;
    eye.drawImage(video, 0, 0, videoWidth, (videoHeight * ROWS * BLOCK) / HEIGHT, 0, 0, COLUMNS * READ, ROWS * READ);
    const pixels = eye.getImageData(0, 0, COLUMNS * READ, ROWS * READ).data;
    let code = 0;
    for (let bit = COLUMNS * ROWS - 1; bit >= 0; bit--) {
      const x = (bit % COLUMNS) * READ + 2, y = Math.floor(bit / COLUMNS) * READ + 2;
      code = code * 2 + (pixels[4 * (y * COLUMNS * READ + x) + 1] > 127 ? 1 : 0);
    }
    const value = Math.floor(code / CHECKS);
    return code % CHECKS === checkOf(value) ? value : null;
  }

  let stream = null;
  function camera() {
    if (stream) return stream;
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const picture = canvas.getContext("2d");
    draw(picture);
    stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    setInterval(() => { draw(picture); track.requestFrame(); }, 1000 / RATE);
    const context = new AudioContext();
    const tone = context.createOscillator(), quiet = context.createGain();
    const sound = context.createMediaStreamDestination();
    quiet.gain.value = 0.05;
    tone.connect(quiet).connect(sound);
    tone.start();
    stream.addTrack(sound.stream.getAudioTracks()[0]);
    return stream;
  }

  // Told no streams, the browser holds no picture back for the sound: that would measure how late sound is on this machine.
  const described = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    return described.call(this, { type, sdp: sdp.replace(/^a=ssrc:.*\r\n/gm, "") });
  };

  const tracks = (wanted) => camera().getTracks().filter((track) => wanted[track.kind]).map((track) => track.clone());
  navigator.mediaDevices.getUserMedia = async (wanted) => new MediaStream(tracks(wanted));

  // Read the pictures of a <video> for some milliseconds: how old each was when it was shown, in milliseconds.
  const watch = (video, duration) =>
    new Promise((done) => {
      const seen = { ages: [], unreadable: 0, sizes: [] };
      const end = performance.now() + duration;
      let last = null;
      const next = () => video.requestVideoFrameCallback(shown);
      function shown(_, { width, height }) {
        const at = tenths();
        const value = read(video);
        if (value === null) seen.unreadable += seen.ages.length ? 1 : 0;
        else if (value !== last) seen.ages.push((((at - value) % TURN) + TURN) % TURN / 10);
        last = value;
        if (!seen.sizes.includes(`${width}x${height}`)) seen.sizes.push(`${width}x${height}`);
        if (performance.now() < end) next();
        else done(seen);
      }
      next();
      // No picture at all is an answer too.
      setTimeout(() => done(seen), 2 * duration);
    });

  window.coded = { watch };
})();
