// What the person has switched off in a call stays off whenever this tab comes back to that call: after a hold, a lost
// connection to the program, a restart of the program, a reload.

const NAME = "off";
const MOST = 20;
const ON = { muted: false, cameraOff: false };
const OFF = { muted: true, cameraOff: true };

export class SwitchedOff {
  #kept = new Map(JSON.parse(sessionStorage.getItem(NAME) ?? "[]"));

  // The program keeps the second in which a call was connected, over restarts too.
  of(call) {
    return this.#kept.get(call?.connected_at) ?? (call?.begins_off ? OFF : ON);
  }

  keep(call, { muted, cameraOff }) {
    if (call?.connected_at == null) return;
    const before = this.of(call);
    if (before.muted === muted && before.cameraOff === cameraOff) return;
    this.#kept.set(call.connected_at, { muted, cameraOff });
    // Of calls whose end this tab never heard of.
    for (const oldest of [...this.#kept.keys()].slice(0, -MOST)) this.#kept.delete(oldest);
    this.#store();
  }

  forget(call) {
    if (this.#kept.delete(call.connected_at)) this.#store();
  }

  #store() {
    sessionStorage.setItem(NAME, JSON.stringify([...this.#kept]));
  }
}
