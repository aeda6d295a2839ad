// The others of a conversation, beside the one whose picture fills the stage: each with sound, picture and name, and whether
// they are in the contacts.

import { doubt } from "./caller.js";
import { $, avatar, make, put, show } from "./dom.js";
import { attachPicture } from "./picture.js";
import { within } from "./names.js";
import { chosen } from "./devices.js";

export class People {
  #calls;
  #playback;
  #tiles = new Map();

  constructor(calls, playback) {
    this.#calls = calls;
    this.#playback = playback;
  }

  draw() {
    const others = this.#calls.companions;
    const list = $("people");
    for (const [id, tile] of this.#tiles) {
      if (others.some((each) => each.id === id)) continue;
      this.#playback.attach(tile.sound, null);
      attachPicture(tile.picture, null);
      tile.item.remove();
      this.#tiles.delete(id);
    }
    for (const each of others) this.#drawTile(each);
    show(list, others.length > 0);
  }

  #drawTile(call) {
    const tile = this.#tiles.get(call.id) ?? this.#make(call);
    const media = this.#calls.media(call.id);
    const seen = call.remote ? call.remote.video || call.remote.screen : true;
    const track = (call.state === "active" && !call.on_hold && seen && media?.tracks.video) || null;
    attachPicture(tile.picture, track);
    show(tile.picture, Boolean(track));
    show(tile.face, !track);
    avatar(tile.face, call.name, call.node);
    this.#playback.attach(tile.sound, (!call.on_hold && media?.tracks.audio) || null);
    if (tile.sound.setSinkId && tile.sound.sinkId !== chosen.speaker) tile.sound.setSinkId(chosen.speaker).catch(() => {});
    put(tile.name, call.name);
    put(tile.state, this.#state(call));
    tile.trust.dataset.trust = call.trust;
    const words = doubt(call);
    put(tile.trust, words);
    show(tile.trust, words !== "");
    tile.enlarge.setAttribute("aria-label", `Show ${within(call.name)} large`);
    tile.enlarge.title = `Show ${within(call.name)} large`;
    tile.picture.setAttribute("aria-label", `The picture of ${within(call.name)}`);
  }

  // Their path and the field to save them are under About then.
  #enlarge(id) {
    this.#calls.enlarge(id);
    $("stage-name").focus({ preventScroll: true });
  }

  #state(call) {
    if (call.state !== "active") return "connecting …";
    if (call.remote_recording === "shown") return "is recording";
    if (call.remote_on_hold) return "has you on hold";
    if (call.remote && !call.remote.audio) return "muted";
    return call.remote?.paused ? "slow connection, picture paused" : "";
  }

  #make(call) {
    const picture = make("video", { autoplay: "", playsinline: "" });
    picture.muted = true;
    const sound = make("audio", { autoplay: "" });
    const face = make("span", { className: "avatar", "aria-hidden": "true" });
    const [name, state, trust] = [make("b"), make("span"), make("span", { className: "person-trust" })];
    const enlarge = make("button", { className: "enlarge", type: "button" });
    enlarge.addEventListener("click", () => this.#enlarge(call.id));
    const item = make("li", { className: "person" }, picture, sound, face, make("p", { className: "person-words" }, name, state, trust), enlarge);
    $("people").append(item);
    const tile = { item, picture, sound, face, name, state, trust, enlarge };
    this.#tiles.set(call.id, tile);
    return tile;
  }
}
