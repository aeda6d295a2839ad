// Everything that opens above the page: a link explained, the own card, a contact, devices.

import { $, announce, copy, make, moment, onSubmit, picture, problem, put, say, show } from "./dom.js";
import { absentInWords, cause, choose, chooseSize, chosen, FILTERS, filterIsOn, open, size, switchFilter, troubleInWords } from "./devices.js";
import { asSaved, wantedName } from "./names.js";
import { settles, unsettle } from "./settled.js";
import { tryTone } from "./sounds.js";
import { toast } from "./toasts.js";

const COMPARED = "You confirmed the four words, so next time one link is enough.";
const NOT_COMPARED = "Its four words weren't confirmed: compare them in your next call. After that, one link is enough.";
const NOT_TALKED = "After your first call, one link is enough.";

export class Dialogs {
  #program;
  #world;
  #contact = null;
  // The call of the log whose other side is being saved, and whether the program has been asked to.
  #from = null;
  #saving = false;
  #explained = null;
  #preview = null;
  onDevice = () => {};

  constructor(program, world) {
    this.#program = program;
    this.#world = world;
    for (const button of document.querySelectorAll("dialog [data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    $("card-copy").addEventListener("click", () => copy($("card-copy"), this.#world.hello.card.text));
    $("node-copy").addEventListener("click", () => copy($("node-copy"), this.#world.hello.node));
    onSubmit("own-name-form", "own-name-problem", async () => {
      toast(await program.ask("set-name", { name: $("own-name").value.trim() }));
    });
    onSubmit("add-form", "add-problem", () => this.#add());
    onSubmit("explain-save", "explain-problem", () => this.#saveCard());
    onSubmit("rename-form", "contact-problem", () => this.#rename());
    $("trust-form").addEventListener("change", ({ target }) => this.#setTrust(target));
    program.addEventListener("contacts", ({ detail }) => this.#changed(detail.contacts));
    program.addEventListener("log", ({ detail }) => this.#logChanged(detail.log));
    $("contact-remove").addEventListener("click", () => this.#remove());
    $("settings").addEventListener("close", () => this.#stopPreview());
    // What nobody looks at has no camera on: another tab, a phone in a pocket, a page whose program is gone.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#stopPreview();
      else if ($("settings").open) this.#startPreview();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => { if ($("settings").open && !this.#preview) this.#showDevices(); });
    program.addEventListener("state", ({ detail: { state } }) => { if (state !== "connecting") $("settings").close(); });
    $("settings-allow").addEventListener("click", () => this.#startPreview());
    $("try-tone").addEventListener("click", tryTone);
    this.#prepareFilters();
    for (const kind of ["camera", "mic", "speaker"]) {
      $(`pick-${kind}`).addEventListener("change", (event) => {
        choose(kind, event.target.value);
        this.onDevice(kind);
        if (kind !== "speaker") this.#startPreview();
      });
    }
  }

  #prepareFilters() {
    const known = navigator.mediaDevices?.getSupportedConstraints() ?? {};
    for (const name of FILTERS) {
      $(name).disabled = !known[name];
      $(name).checked = filterIsOn(name);
      $(name).addEventListener("change", async (event) => {
        switchFilter(name, event.target.checked);
        // What is open keeps its filters, and shares them.
        this.#stopPreview();
        await this.onDevice("filters");
        this.#startPreview();
      });
    }
    $("pick-size").value = size();
    $("pick-size").addEventListener("change", (event) => {
      chooseSize(event.target.value);
      this.onDevice("size");
      this.#startPreview();
    });
  }

  // Returns whether there was anything to close. What rings stays.
  closeAny() {
    const open = [...document.querySelectorAll("dialog[open]:not(#incoming)")].at(-1);
    open?.close();
    return Boolean(open);
  }

  card({ rename = false } = {}) {
    $("own-name").value = this.#world.hello.name;
    problem($("own-name-problem"), null);
    this.drawCard();
    $("card").showModal();
    if (rename) $("own-name").select();
    else $("card-title").focus();
  }

  // Its owner may have another name by now.
  drawCard() {
    const { card, node } = this.#world.hello;
    put($("card-token"), card.text);
    put($("card-node"), node);
    picture($("card-qr"), card.qr);
  }

  add() {
    this.#openAdd(null);
  }

  // Who was in a call of the log.
  save(entry) {
    this.#openAdd(entry);
    $("add-name").focus();
  }

  #openAdd(entry) {
    $("add-form").reset();
    put($("add-title"), entry ? "Save this person" : "Add a contact");
    this.#saveFrom(entry);
    show($("add-whom").parentElement, !entry);
    put($("add-name-label"), entry ? "Save as" : "Name (if empty, the one on the card)");
    problem($("add-problem"), null);
    $("add").showModal();
  }

  #saveFrom(entry) {
    this.#from = entry;
    const how = entry?.compared ? COMPARED : entry?.seconds == null ? NOT_TALKED : NOT_COMPARED;
    put($("add-from"), entry ? `From the call of ${moment(entry.started)}. ${how}` : "");
    show($("add-from"), Boolean(entry));
  }

  // Elsewhere the words of that call were confirmed or found to differ, or its other side was saved.
  #logChanged(log) {
    if (!$("add").open || !this.#from || this.#saving) return;
    const now = log.find(({ node, started }) => node === this.#from.node && started === this.#from.started);
    if (!now) return;
    this.#saveFrom(now);
    if (!now.contact) return;
    $("add").close();
    toast(`They were saved as ${now.contact}.`);
  }

  async #add() {
    const name = this.#from ? wantedName("add-name") : $("add-name").value.trim();
    const whom = this.#from?.node ?? $("add-whom").value.trim();
    if (!whom) throw { sentence: "Paste their contact card or node id.", hint: "" };
    this.#saving = true;
    try {
      const done = await this.#program.ask("add-contact", { name, whom, reference: this.#from?.reference ?? "" });
      $("add").close();
      toast(done);
    } finally {
      this.#saving = false;
    }
  }

  // A link that was tapped, or that the person has `pasted`: what it is, and one button. A call that is pasted rings, an
  // answer connects the call that the person has placed, and what else the other side says of a call is taken as said.
  async explain(text, { pasted = false } = {}) {
    try {
      const link = await this.#program.ask("explain", { text });
      if (!pasted || !(link.rings || ["response", "said"].includes(link.kind))) return this.#explain(link);
      $("explain").close();
      const done = await this.#program.ask("act", { text: link.token });
      if (done.sentence) toast(done);
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  #explain(link) {
    this.#explained = link;
    const titles = {
      call: "Incoming call", response: "The answer to your call", said: "About a call", moved: "A new node id",
      card: link.card_name ? `This is ${link.card_name}'s card` : "A contact card without a name",
      own: link.card_node ? "This is your own card" : "Your own link", unusable: "This link can't be used",
      nothing: "No link in that",
    };
    put($("explain-title"), titles[link.kind]);
    say($("explain-text"), link);
    const node = link.kind === "card" ? link.card_node : link.node;
    put($("explain-node"), node ?? "");
    show($("explain-more"), Boolean(node));
    $("explain-more").open = false;
    problem($("explain-problem"), null);
    show($("explain-save"), link.kind === "card");
    $("explain-name").value = link.card_name ?? "";
    const actions = [this.#button(link.can_act ? "Not now" : "Close", "", () => $("explain").close())];
    if (link.can_act) actions.push(settles(this.#button(link.button, "primary", () => this.#act())));
    $("explain-actions").replaceChildren(...actions);
    unsettle($("explain"));
    if (!$("explain").open) $("explain").showModal();
    $("explain-title").focus();
  }

  #button(text, kind, act) {
    const button = make("button", { text, className: `button ${kind}`.trim(), type: "button" });
    button.addEventListener("click", async () => {
      problem($("explain-problem"), null);
      try {
        await act();
      } catch (error) {
        problem($("explain-problem"), error);
      }
    });
    return button;
  }

  async #act() {
    await this.#program.ask("act", { text: this.#explained.token });
    $("explain").close();
  }

  async #saveCard() {
    const name = wantedName("explain-name");
    const done = await this.#program.ask("add-contact", { name, whom: this.#explained.token });
    $("explain").close();
    toast(done);
  }

  contact(contact) {
    this.#contact = contact;
    put($("contact-title"), contact.name);
    put($("contact-node"), contact.node);
    $("trust-form").querySelector(`[value="${contact.trust}"]`).checked = true;
    $("contact-media").value = contact.media;
    $("contact-files").checked = Boolean(contact.files);
    put($("contact-beyond"), contact.beyond);
    show($("contact-beyond"), Boolean(contact.beyond));
    $("contact-name").value = contact.name;
    say($("contact-done"), null);
    put($("contact-remove"), "Remove");
    $("contact-remove").dataset.sure = "";
    problem($("contact-problem"), null);
    if (!$("contact").open) $("contact").showModal();
    unsettle($("contact"));
  }

  // What is shown was changed elsewhere: in the chat, by the command line, on another page.
  #changed(contacts) {
    if (!$("contact").open) return;
    const now = contacts.find((each) => each.node === this.#contact.node);
    if (!now) {
      $("contact").close();
      toast(`${this.#contact.name} was removed, or has another node now.`);
    } else if (["name", "trust", "media", "files", "beyond"].some((each) => now[each] !== this.#contact[each])) {
      this.contact(now);
    }
  }

  // Only what was touched: the rest may be another by now.
  async #setTrust({ id, value, checked }) {
    const before = this.#contact;
    const { name, node } = before;
    const touched = { "contact-media": { media: value }, "contact-files": { files: checked } }[id] ?? { trust: value };
    this.#contact = { ...before, ...touched };
    try {
      const done = await this.#program.ask("set-trust", { name, node, ...touched });
      problem($("contact-problem"), null);
      if (touched.trust && touched.trust !== "auto") show($("contact-beyond"), false);
      say($("contact-done"), done);
    } catch (error) {
      this.contact(before);
      problem($("contact-problem"), error);
    }
  }

  async #rename() {
    const name = $("contact-name").value.trim();
    const { name: before, node } = this.#contact;
    const done = await this.#program.ask("rename-contact", { name: before, node, new_name: name });
    this.#contact = { ...this.#contact, name: asSaved(name) };
    put($("contact-title"), asSaved(name));
    say($("contact-done"), done);
  }

  async #remove() {
    if (!$("contact-remove").dataset.sure) {
      $("contact-remove").dataset.sure = "yes";
      put($("contact-remove"), "Remove them and all shared keys?");
      announce($("contact-remove").textContent);
      return;
    }
    try {
      const { name, node } = this.#contact;
      $("contact").close();
      toast(await this.#program.ask("remove-contact", { name, node }));
    } catch (error) {
      toast(error, { urgent: true });
    }
  }

  // Devices.

  async settings() {
    problem($("settings-problem"), null);
    const { hello, overlay } = this.#world;
    const at = overlay?.address ? `. Your address in ${overlay.name}: ${overlay.address}` : "";
    put($("version"), `Copybara Relay ${hello?.version ?? ""}${at}`);
    $("settings").showModal();
    await this.#showDevices();
  }

  // This asks nobody for the camera who has never called.
  async #showDevices() {
    if (await this.#listDevices()) await this.#startPreview();
  }

  async #listDevices() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const named = devices.some((device) => device.label);
    show($("settings-ask"), !named && devices.length > 0);
    if (!this.#preview) this.#sayTrouble(absentInWords(devices));
    for (const [kind, type, word] of [
      ["camera", "videoinput", "Camera"], ["mic", "audioinput", "Microphone"], ["speaker", "audiooutput", "Speaker"],
    ]) {
      const found = devices.filter((device) => device.kind === type && device.deviceId !== "default");
      const options = found.map((device, number) =>
        make("option", { value: device.deviceId, text: device.label || `${word} ${number + 1}` }));
      $(`pick-${kind}`).replaceChildren(make("option", { value: "", text: "System default" }), ...options);
      const there = found.some((device) => device.deviceId === chosen[kind]);
      if (chosen[kind] && !there && named) {
        $(`pick-${kind}`).prepend(make("option", { value: chosen[kind], text: "The one you chose (not there now)" }));
      }
      $(`pick-${kind}`).value = there || named ? chosen[kind] : "";
      $(`pick-${kind}`).disabled = kind === "speaker" && !("setSinkId" in HTMLMediaElement.prototype);
    }
    return named;
  }

  async #startPreview() {
    this.#stopPreview();
    const trouble = {};
    const tracks = [];
    for (const kind of ["mic", "camera"]) {
      try {
        tracks.push(...(await open(kind)).stream.getTracks());
      } catch (error) {
        trouble[kind] = cause(error);
      }
    }
    this.#sayTrouble(troubleInWords(trouble));
    if (!tracks.length) return undefined;
    const stream = new MediaStream(tracks);
    if (!$("settings").open || document.hidden) {
      for (const track of stream.getTracks()) track.stop();
      return undefined;
    }
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    if (stream.getAudioTracks().length) context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const meter = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const loud = Math.min(100, Math.round(Math.max(...samples.map(Math.abs)) * 140));
      $("level-bar").style.setProperty("--level", `${loud}%`);
      $("level").setAttribute("aria-valuenow", String(loud));
    }, 100);
    this.#preview = { stream, context, meter };
    const picture = stream.getVideoTracks().length > 0;
    $("settings-video").srcObject = picture ? stream : null;
    show($("settings-video"), picture);
    return this.#listDevices();
  }

  #sayTrouble(sentence) {
    problem($("settings-problem"), sentence ? { sentence, hint: "" } : null);
  }

  #stopPreview() {
    if (!this.#preview) return;
    clearInterval(this.#preview.meter);
    for (const track of this.#preview.stream.getTracks()) track.stop();
    this.#preview.context.close();
    $("settings-video").srcObject = null;
    this.#preview = null;
  }
}
