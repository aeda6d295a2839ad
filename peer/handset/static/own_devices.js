// The owner's other devices: every page lists them, the page on the computer at home adds and removes them.

import { $, announce, copy, make, onSubmit, picture, problem, put, redraw, say, show } from "./dom.js";
import { settles, unsettle } from "./settled.js";
import { toast } from "./toasts.js";

export class OwnDevices {
  #program;
  #told = null;

  // The code that stands there, which alone can be confirmed; the first one of this address, and the address.
  #code = null;
  #first = null;
  #address = null;

  constructor(program) {
    this.#program = program;
    for (const id of ["open-own-devices", "adding-show"]) $(id).addEventListener("click", () => this.open());
    onSubmit("add-device-form", "own-devices-problem", () => this.#add());
    $("adding-copy").addEventListener("click", () => copy($("adding-copy"), this.#told.adding.link.text));
    $("adding-cancel").addEventListener("click", () => this.#ask("cancel-device", {}));
    $("adding-confirm").addEventListener("click", () => this.#ask("confirm-device", { code: this.#code }));
    program.addEventListener("devices", ({ detail }) => this.take(detail));
  }

  // What the program has told; null: it serves no devices.
  take(devices) {
    this.#told = devices;
    show($("settings-own-devices"), Boolean(devices));
    if (devices) this.#draw(devices);
  }

  open() {
    problem($("own-devices-problem"), null);
    $("settings").close();
    $("own-devices").showModal();
  }

  #draw({ devices, can_change: canChange, lan, adding }) {
    redraw($("own-devices-list"), devices.map((device) => ({ ...device, canChange })), (device) => this.#row(device));
    show($("own-devices-none"), !devices.length);
    show($("own-devices-at-home"), !canChange);
    show($("add-device-form"), canChange && !adding);
    show($("add-device-lan-line"), lan);
    show($("adding"), Boolean(adding));
    // It goes on in a dialog, which may be closed, and isn't there on a page that is loaded again.
    show($("adding-notice"), canChange && Boolean(adding));
    put($("adding-notice-text"), adding ? `${adding.name} ${adding.code ? "waits until you have compared its code" : "can be added now"}.` : "");
    const another = this.#isAnother(adding);
    if (!adding) return;
    put($("adding-title"), `Add ${adding.name}`);
    put($("adding-address"), adding.link.text);
    picture($("adding-qr"), adding.link.qr);
    put($("adding-authority"), adding.authority);
    put($("adding-gives-up"), adding.gives_up);
    show($("adding-open"), !adding.code);
    put($("adding-waits"), adding.code
      ? `${another ? "It is another device now: compare again. " : ""}A device at ${adding.visitor} has opened the address. It must show this code. If it shows another or none, cancel.`
      : "Waiting for it …");
    put($("adding-code"), adding.code ? `${adding.code.slice(0, 3)} ${adding.code.slice(3)}` : "");
    show($("adding-code"), Boolean(adding.code));
    show($("adding-confirm"), Boolean(adding.code));
  }

  // Whether another device shows a code than the one that did first.
  #isAnother(adding) {
    const code = adding?.code ?? null;
    const address = adding?.link.text ?? null;
    if (address !== this.#address) this.#first = null;
    if (code !== this.#code) unsettle($("adding"));
    this.#address = address;
    this.#first ??= code;
    this.#code = code;
    return code !== null && code !== this.#first;
  }

  #row(device) {
    const row = make("li", {}, make("span", { className: "row-main" }, make("span", { className: "row-text" },
      make("b", { text: device.here ? `${device.name} (this one)` : device.name }), make("small", { text: device.words }))));
    if (device.canChange) {
      const button = settles(make("button", {
        className: "button small", type: "button", text: "Remove", "aria-label": `Remove ${device.name}`, "data-hold": `device ${device.name}`,
      }));
      button.addEventListener("click", () => this.#remove(button, device.name));
      row.append(button);
    }
    return row;
  }

  async #add() {
    const name = $("add-device-name").value.trim();
    if (!name) throw { sentence: "It needs a name, such as phone.", hint: "" };
    const where = $("add-device-address").value.trim() || ($("add-device-lan").checked ? "lan" : "");
    await this.#program.ask("add-device", { name, where });
    $("add-device-form").reset();
  }

  #remove(button, name) {
    if (!button.dataset.sure) {
      button.dataset.sure = "yes";
      put(button, "Lock it out?");
      announce(button.textContent);
      return undefined;
    }
    return this.#ask("remove-device", { name });
  }

  async #ask(what, values) {
    problem($("own-devices-problem"), null);
    try {
      const done = await this.#program.ask(what, values);
      toast(done);
      say($("adding-waits"), null);
    } catch (error) {
      problem($("own-devices-problem"), error);
    }
  }
}
