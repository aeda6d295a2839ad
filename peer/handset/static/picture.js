// A track in an element that makes no sound, so that every browser plays it at once.

export function attachPicture(element, track) {
  const now = element.srcObject?.getTracks()[0] ?? null;
  if (now === track) return;
  element.srcObject = track ? new MediaStream([track]) : null;
  if (track) element.play().catch(() => {});
}
