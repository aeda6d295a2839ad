// What the person has switched off in a call stays off whenever this tab comes back to that call: after a hold, a lost
// connection to the program, a restart of the program, a reload.

const NAME = "off";
const MOST = 20;
const ON = { muted: false, cameraOff: false };
const OFF = { muted: true, cameraOff: true };

export class SwitchedOff {
  #kept = new Map(JSON.parse(sessionStorage.getItem(NAME) ?? "[]"));

  // A call may begin off again: where others can write, somebody has taken it off hold.
  of(call) {
    return call?.begins_off ? OFF : this.#kept.get(nameOf(call)) ?? ON;
  }

  keep(call, { muted, cameraOff }) {
    if (call?.connected_at == null) return;
    const before = this.#kept.get(nameOf(call)) ?? this.of(call);
    if (before.muted === muted && before.cameraOff === cameraOff) return;
    this.#kept.set(nameOf(call), { muted, cameraOff });
    // Of calls whose end this tab never heard of.
    for (const oldest of [...this.#kept.keys()].slice(0, -MOST)) this.#kept.delete(oldest);
    this.#store();
  }

  forget(call) {
    if (this.#kept.delete(nameOf(call))) this.#store();
  }

  #store() {
    sessionStorage.setItem(NAME, JSON.stringify([...this.#kept]));
  }
}

// The program keeps the second in which a call was connected, over restarts too. In a conversation several may be in one.
function nameOf(call) {
  return call?.connected_at == null ? null : `${call.connected_at} ${call.node}`;
}
