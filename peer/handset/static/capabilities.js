// What the browser lacks for calls, said before anything else runs: what needs it may not even begin.

const lacks = [
  window.RTCPeerConnection ? "" : "WebRTC",
  navigator.mediaDevices?.getUserMedia ? "" : "access to microphone and camera",
  window.AudioContext ? "" : "Web Audio",
].filter(Boolean);

if (lacks.length) {
  const said = document.createElement("p");
  said.className = "gate-box";
  said.setAttribute("role", "alert");
  said.textContent = `This browser can't make calls: it lacks ${lacks.join(" and ")}. Switch it on in the browser's settings, or open this page in another browser.`;
  document.body.prepend(said);
}
