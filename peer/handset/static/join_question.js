// One conversation of several calls is asked for: by the other side of a call, with what it means and yes or no; or by the
// person, who can take it back until all have answered.

import { $, put, say, show } from "./dom.js";
import { unsettle } from "./settled.js";
import { toast } from "./toasts.js";

export class JoinQuestion {
  #calls;
  #shown = null;

  constructor(calls) {
    this.#calls = calls;
    $("join-agree").addEventListener("click", () => this.#answer(true));
    $("join-refuse").addEventListener("click", () => this.#answer(false));
  }

  // What is asked in the call that is shown, else in any other; what others ask first.
  draw(call) {
    const all = [call, ...this.#calls.companions, ...this.#calls.others];
    const asked = all.find((each) => each.question);
    const asking = all.find((each) => each.asks);
    const about = asked ?? asking ?? null;
    const words = asked?.question ?? asking?.asks ?? "";
    if (about && (about.id !== this.#shown?.id || words !== this.#shown.words)) unsettle($("join"));
    this.#shown = about && { id: about.id, words };
    say($("join-text"), about && { kind: asked ? "conversation.asked" : "conversation.asking", sentence: words });
    show($("join-agree"), Boolean(asked));
    put($("join-refuse"), asked ? "Refuse" : "Take it back");
    show($("join"), Boolean(about));
  }

  async #answer(agrees) {
    if (!this.#shown) return;
    try {
      toast(await this.#calls.answerQuestion(this.#shown.id, agrees, this.#shown.words));
    } catch (error) {
      toast(error, { urgent: true });
    }
  }
}
