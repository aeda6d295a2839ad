// The other side of a call asks the person to be in one conversation with others: what that means, and yes or no.

import { $, put, show, toast } from "./dom.js";
import { unsettle } from "./settled.js";

export class JoinQuestion {
  #calls;
  #asks = null;

  constructor(calls) {
    this.#calls = calls;
    $("join-agree").addEventListener("click", () => this.#answer(true));
    $("join-refuse").addEventListener("click", () => this.#answer(false));
  }

  // The question of the call that is shown, else that of any other.
  draw(call) {
    const asks = [call, ...this.#calls.companions, ...this.#calls.others].find((each) => each.question) ?? null;
    if (asks && (asks.id !== this.#asks?.id || asks.question !== this.#asks?.question)) unsettle($("join"));
    this.#asks = asks;
    put($("join-text"), asks?.question ?? "");
    show($("join"), Boolean(asks));
  }

  async #answer(agrees) {
    if (!this.#asks) return;
    try {
      await this.#calls.answerQuestion(this.#asks.id, agrees);
    } catch (error) {
      toast(error, { urgent: true });
    }
  }
}
