// A call is over: how it ended, and the other side to be saved.

import { $, avatar, copy, duration, onSubmit, problem, put, say, setIcon, show } from "./dom.js";
import { wantedName } from "./names.js";
import { sayNetwork } from "./network.js";
import { toast } from "./toasts.js";

export const DIFFERED = "The words didn't match, so someone may have listened in. Ask the other person through another channel whether it was " +
  "them, and compare the words again in your next call.";

const TESTED = "Didn't see or hear yourself? Choose other devices, and test again.";

export class Ended {
  #program;
  #calls;
  #world;
  #call = null;

  // `voice`: the message for who didn't answer.
  constructor(program, calls, voice, world, dialogs) {
    this.#program = program;
    this.#world = world;
    this.#calls = calls;
    $("ended-copy").addEventListener("click", () => {
      calls.copied(this.#call.id);
      copy($("ended-copy"), calls.links.get(this.#call.id)?.link.text);
    });
    $("ended-close").addEventListener("click", () => {
      if (voice.mayLeave(this.#call.id)) calls.putAway(this.#call.id);
    });
    $("ended-devices").addEventListener("click", () => dialogs.settings());
    $("ended-again").addEventListener("click", () => this.#again());
    onSubmit("ended-save", "ended-problem", () => this.#save());
  }

  draw(call) {
    if (this.#call?.id !== call.id) problem($("ended-problem"), null);
    this.#call = call;
    if (document.fullscreenElement) document.exitFullscreen();
    avatar($("ended-avatar"), call.name, call.node);
    setIcon($("ended-again"), call.media === "video" ? "i-camera" : "i-phone");
    say($("ended-title"), call);
    const seconds = call.report.seconds;
    const tested = call.echo && call.connected_at;
    const talked = call.connected_at && seconds ? `You were connected for ${duration(seconds)}.` : "";
    put($("ended-text"), call.differed ? DIFFERED : tested ? TESTED : talked);
    show($("ended-devices"), Boolean(tested));
    $("ended-text").classList.toggle("problem", call.differed);
    sayNetwork($("ended-network"), this.#world.overlay, call);
    show($("ended-who"), !call.contact);
    put($("ended-node"), call.node);
    const link = this.#calls.linkThatSaysSo(call);
    show($("ended-link"), Boolean(link));
    if (link) {
      say($("ended-link-text"), link);
      put($("ended-token"), link.link.text);
    }
    put($("ended-save-text"), call.compared ? "Save them, and next time one link is enough."
      : "Save them now, and next time one link is enough. Later you would have to compare the four words first.");
    // Or they were saved elsewhere meanwhile.
    show($("ended-save"), this.#calls.canBeSaved(call) && this.#world.contacts.every((each) => each.node !== call.node));
  }

  async #again() {
    const { id, contact, node, media, echo } = this.#call;
    try {
      await (echo ? this.#program.ask("place-echo", { media }) : this.#program.ask("place", { whom: contact ?? node, node, media }));
      // If nobody answers, who was in the last one can be saved still.
      if (!this.#calls.canBeSaved(this.#call)) this.#calls.putAway(id);
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  async #save() {
    const name = wantedName("ended-name");
    toast(await this.#program.ask("save-contact", { name, call: this.#call.id, node: this.#call.node }));
    this.#calls.saved(this.#call.id, name);
    $("ended-title").focus({ preventScroll: true });
  }
}
