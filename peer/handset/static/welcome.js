// The first steps, for somebody who has nobody to call yet: network, name, a test call, a friend.

import { $, onSubmit, put, say, setIcon, show } from "./dom.js";
import { Invitation } from "./invitation.js";
import { canReach, overlayInWords } from "./network.js";
import { toast } from "./toasts.js";

const STEPS = ["network", "name", "test", "friend"];
const OVER = "welcomed";
const BEGUN = "welcoming";
const TESTED = "tested";

const TITLE = "Welcome. Four steps to your first call";
const LOOPBACK = "This computer only: for trying. To reach friends, run “copybara setup overlay” in a terminal.";

export class Welcome {
  #program;
  #world;
  #invitation;
  // What the page has put into the field of the name.
  #name = "";

  constructor(program, calls, world, dialogs) {
    this.#program = program;
    this.#world = world;
    this.#invitation = new Invitation(world);
    onSubmit("welcome-name-form", "welcome-name-problem", async () => {
      toast(await program.ask("set-name", { name: $("welcome-name").value.trim() }));
      $("welcome-title").focus({ preventScroll: true });
    });
    $("welcome-test").addEventListener("click", () => this.test());
    $("settings-test").addEventListener("click", () => { $("settings").close(); this.test(); });
    $("welcome-devices").addEventListener("click", () => dialogs.settings());
    $("welcome-card").addEventListener("click", () => dialogs.card());
    $("welcome-rename").addEventListener("click", () => dialogs.card({ rename: true }));
    $("welcome-close").addEventListener("click", () => {
      localStorage.setItem(OVER, "yes");
      show($("welcome"), false);
      $("whom").focus();
    });
    calls.addEventListener("changed", () => {
      const call = calls.current;
      if (call?.echo && call.state === "active" && calls.media(call.id)?.tracks.audio) localStorage.setItem(TESTED, "yes");
    });
  }

  // Call our own echo.
  async test() {
    try {
      await this.#program.ask("place-echo", { media: "video" });
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  draw() {
    const { hello, overlay, contacts, log } = this.#world;
    const called = log.some((call) => call.seconds !== null);
    const done = {
      network: canReach(overlay) && overlay.name !== "Loopback",
      name: Boolean(hello.name),
      test: localStorage.getItem(TESTED) === "yes",
      friend: called,
    };
    // Once begun they stay until each is done, or they are dismissed: the first contact is no end of them.
    if (!contacts.length && !log.length) localStorage.setItem(BEGUN, "yes");
    // Who has talked to a friend needs no test; but it isn't said to be done.
    const needless = (step) => step === "test" && called;
    if (STEPS.every((step) => done[step] || needless(step))) localStorage.setItem(OVER, "yes");
    this.#place(contacts.length > 0);
    const open = STEPS.filter((step) => !done[step] && !needless(step)).length;
    put($("welcome-title"), open === STEPS.length ? TITLE : open === 1 ? "Welcome. One step left" : `Welcome. ${open} steps left`);
    put($("welcome-named"), hello.name);
    show($("welcome"), localStorage.getItem(BEGUN) === "yes" && localStorage.getItem(OVER) !== "yes");
    this.#invitation.draw();
    for (const step of STEPS) {
      const row = $(`welcome-step-${step}`);
      row.dataset.done = String(done[step]);
      setIcon(row, done[step] ? "i-check" : "i-dot");
    }
    say($("welcome-network"), {
      kind: overlay.kind,
      sentence: done.network ? `${overlayInWords(overlay)}.` : overlay.name === "Loopback" && overlay.address ? LOOPBACK : overlay.notice,
    });
    // What somebody has typed there stays.
    if ($("welcome-name").value === this.#name) $("welcome-name").value = this.#name = hello.name;
  }

  // Who has contacts sees them first.
  #place(after) {
    const columns = $("welcome").parentElement;
    if (after === (columns.lastElementChild === $("welcome"))) return;
    const held = $("welcome").contains(document.activeElement) ? document.activeElement : null;
    if (after) columns.append($("welcome"));
    else $("contacts").closest("section").before($("welcome"));
    held?.focus({ preventScroll: true });
  }
}
