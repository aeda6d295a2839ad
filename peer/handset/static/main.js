// The page as a whole: what the program has told, and which of the views shows it.

import "./capabilities.js";
import { takeAddress } from "./address.js";
import { CallView } from "./call_view.js";
import { rung } from "./caller.js";
import { Calls } from "./calls.js";
import { tellConversationNews } from "./conversation_news.js";
import { Dialogs } from "./dialogs.js";
import { $, announce, copy, copyButton, put, say, show } from "./dom.js";
import { DIFFERED, Ended } from "./ended.js";
import { Files } from "./files.js";
import { whenReleased } from "./gestures.js";
import { Home } from "./home.js";
import { Incoming } from "./incoming.js";
import { whenKept } from "./key_store.js";
import { keys } from "./keys.js";
import { within } from "./names.js";
import { Notices } from "./notices.js";
import { keepBack } from "./back.js";
import { MediaKeys } from "./media_keys.js";
import { Outgoing } from "./outgoing.js";
import { OwnDevices } from "./own_devices.js";
import { explainPasted } from "./pasted.js";
import { Recording } from "./recording.js";
import { unsettle } from "./settled.js";
import { Program } from "./socket.js";
import { chime, holdTone, ringback, ringTone, silentByBrowser, waitingTone, whenAudible } from "./sounds.js";
import { placeToasts, toast } from "./toasts.js";
import { stayAwake } from "./wake_lock.js";
import { VoiceMessage } from "./voice_message.js";
import { Welcome } from "./welcome.js";

const program = new Program();
const world = { hello: null, contacts: [], log: [], overlay: null, changes: [] };
const calls = new Calls(program);
const dialogs = new Dialogs(program, world);
const home = new Home(program, world, dialogs);
const welcome = new Welcome(program, calls, world, dialogs);
const incoming = new Incoming(program, calls, world);
const outgoing = new Outgoing(calls, dialogs, world);
const view = new CallView(program, calls, dialogs, world);
const voice = new VoiceMessage(program);
const ended = new Ended(program, calls, voice, world, dialogs);
const files = new Files(program, calls);
const recording = new Recording(program, calls);
const notices = new Notices();
const ownDevices = new OwnDevices(program);
const mediaKeys = new MediaKeys({ calls, incoming, view });
tellConversationNews(program);
explainPasted(dialogs);
voice.onChanged = draw;
calls.unsent = (id) => voice.unsent(id);
home.onBack = () => calls.setAside(false);
dialogs.onDevice = (kind) => view.useDevice(kind);

const START = "copybara start";
const DEMO = "copybara demo --handset";

// Over TLS this is the page of a device, such as a phone.
const ON_DEVICE = location.protocol === "https:";
const back = keepBack(() => {
  if (view.panel.close() || dialogs.closeAny()) return;
  toast("The call goes on. Hang up to leave it.", { seconds: 3 });
});

const VIEWS = ["gate", "home", "outgoing", "stage", "ended"];
let shown = "";
let gate = { title: "Connecting", text: "Looking for Copybara …", hint: "", button: "" };

// The bar of a phone's browser has the colour of what is below it: a call is dark in both schemes, see call.css.
const STAGE = "#0b100f";
const bars = [...document.querySelectorAll("meta[name=theme-color]")].map((bar) => ({ bar, usual: bar.content }));

function turnTo(next) {
  for (const name of VIEWS) show($(name), name === next);
  document.body.dataset.view = next;
  if (next !== shown) {
    shown = next;
    for (const { bar, usual } of bars) bar.content = next === "stage" ? STAGE : usual;
    const heading = { gate: "gate-title", home: "home-title", outgoing: "outgoing-title", stage: "stage-name", ended: "ended-title" }[next];
    $(heading).focus({ preventScroll: true });
  }
}

// What the gate has said, to somebody who doesn't see it.
let heard = "";

// Its heading is read when the page turns to it, and at no change after that; the rest never is.
function tellGate() {
  const [title, ...rest] = [`${gate.title}.`, gate.text, gate.command, gate.code, gate.hint].filter(Boolean);
  const words = [title, ...rest].join(" ");
  if (words === heard || ["connecting", undefined].includes(document.body.dataset.gate)) return;
  heard = words;
  announce({ kind: gate.kind, sentence: shown === "gate" ? words : rest.join(" ") });
}

function draw() {
  incoming.draw();
  // What is recorded isn't to hear it.
  outgoing.ringback(gate || incoming.call || voice.isRecording ? null : calls.current);
  view.holdTone(gate || incoming.call ? null : calls.current, holdTone);
  if (gate) {
    tellGate();
    put($("gate-title"), gate.title);
    put($("gate-text"), gate.text);
    say($("gate-hint"), { kind: gate.kind, sentence: gate.hint });
    put($("gate-code"), gate.code ?? "");
    show($("gate-code"), Boolean(gate.code));
    show($("gate-authority"), Boolean(gate.code));
    if ($("gate-button").textContent !== gate.button) unsettle($("gate"));
    put($("gate-button"), gate.button);
    show($("gate-button"), Boolean(gate.button));
    put($("gate-command"), gate.command ?? "");
    show($("gate-command-line"), Boolean(gate.command));
    $("gate-button").onclick = gate.act ?? null;
    turnTo("gate");
  } else {
    heard = "";
    const call = calls.current;
    if (!call || (call.on_hold && calls.aside)) {
      home.drawHeld(call ? calls.onHold(call) : "");
      home.draw();
      welcome.draw();
      turnTo("home");
    } else if (call.state === "ended") {
      ended.draw(call);
      voice.draw(call);
      files.drawArrived(call);
      recording.drawMade(call);
      turnTo("ended");
    } else if (call.state === "calling" || call.state === "connecting") {
      outgoing.draw(call);
      voice.draw(call);
      turnTo("outgoing");
    } else {
      view.draw(call);
      files.draw();
      recording.draw(call);
      turnTo("stage");
    }
    if (calls.drawn !== (call?.id ?? null)) {
      calls.drawn = call?.id ?? null;
      view.comesUp(call);
    }
  }
  if (!["ended", "outgoing"].includes(shown)) voice.draw(null);
  placeToasts();
  title();
  const busy = !gate && ["connecting", "active", "reconnecting"].includes(calls.current?.state);
  stayAwake(busy);
  mediaKeys.draw(!gate);
  if (ON_DEVICE) back(busy);
}

function title() {
  const ringing = calls.ringing[0];
  const call = calls.current;
  const unread = call ? view.panel.unread(call) : 0;
  const words = ringing ? rung(ringing) : call && call.state !== "ended" ? `${unread ? `(${unread}) ` : ""}${call.name}` : "";
  document.title = words ? `${words} · Copybara Relay` : "Copybara Relay";
  const symbol = ringing ? "icon-rings.svg" : call && call.state === "active" ? "icon-call.svg" : "icon.svg";
  if ($("favicon").getAttribute("href") !== symbol) $("favicon").href = symbol;
}

// What the program tells.

program.addEventListener("state", ({ detail: { state } }) => {
  const again = () => program.connect();
  const over = world.hello?.demo && {
    title: "The demo has ended",
    text: "Nothing of it is left. To see it again, run this in a terminal:",
    command: DEMO,
    hint: "It opens a new page.",
    button: "",
  };
  gate = {
    connecting: gate ?? { title: "Connecting", text: "Looking for Copybara …", hint: "", button: "" },
    lost: over || {
      title: "Copybara isn't running",
      text: ON_DEVICE
        ? "It was stopped, or this device can't reach it: check that the overlay's app is on."
        : "It was stopped, or this computer slept. A call that was up here ends with it. To start it, run this in a terminal:",
      command: ON_DEVICE ? "" : START,
      hint: ON_DEVICE
        ? "This page connects again as soon as Copybara is back."
        : "This page connects again, unless the terminal names another address.",
      button: "Try now",
      act: again,
    },
    unknown: over || (ON_DEVICE ? {
      title: "This isn't one of your devices",
      text: "It was removed, its address was used already, or its time was over.",
      hint: "At home, run “copybara devices add NAME”, or write /devices add NAME in the chat, and open the new address here.",
      button: "Try again",
      act: again,
    } : {
      title: "This page has expired",
      text: "Its address belongs to an earlier run, was used already, or wasn't opened by you. To open it again, run this in a terminal:",
      command: START,
      hint: "“copybara status” shows its address.",
      button: "Try again",
      act: again,
    }),
    impostor: {
      title: "Another program answers here",
      text: "It couldn't prove that it is your Copybara, so this page sent it nothing and took nothing from it.",
      hint: "Don't reload this page. If you started Copybara with another home, open the address that it prints; else " +
        "find out who uses this port. The page keeps trying.",
      button: "Try now",
      act: again,
    },
    taken: {
      title: "Open in another tab",
      text: "Your calls ring and are shown there.",
      hint: "",
      button: "Use this tab instead",
      act: () => program.connect({ takes: true }),
    },
  }[state];
  document.body.dataset.gate = state;
  if (state !== "connecting") {
    for (const tone of [holdTone, ringTone, ringback, waitingTone]) tone.stop();
    calls.leave();
  }
  draw();
});

whenKept(() => {
  if (["unknown", "impostor"].includes(document.body.dataset.gate)) program.connect();
});

program.addEventListener("hello", ({ detail: hello }) => {
  gate = null;
  document.body.dataset.gate = "";
  // A program of another version has other scripts.
  if (world.hello && world.hello.version !== hello.version) location.reload();
  Object.assign(world, { hello, contacts: hello.contacts, log: hello.log, overlay: hello.overlay, changes: hello.changes ?? [] });
  calls.begin(hello);
  ownDevices.take(hello.devices ?? null);
  program.send("audible", { on: !silentByBrowser() });
  draw();
  explain();
});

// Before a network is there. Once there is one the program starts, and this page connects again.
program.addEventListener("no-overlay", ({ detail: { kind, sentence, hint, command } }) => {
  gate = {
    kind,
    title: "No network to call through",
    text: "Calls go through a network such as Yggdrasil, so that the person you call never sees your internet address." + (command ? " Run this in a terminal: " +
      "it finds the network, starts it or installs it, and first shows what an administrator has to do." : ""),
    command,
    hint: `${sentence} ${hint} This page goes on as soon as the network is there.`,
    button: "",
  };
  document.body.dataset.gate = "no-overlay";
  draw();
});

// Before somebody has mended what keeps the program from starting. Then it goes on as above.
program.addEventListener("cant-start", ({ detail: { kind, sentence, hint } }) => {
  gate = { kind, title: "Copybara can't start", text: sentence, hint, button: "" };
  document.body.dataset.gate = "cant-start";
  draw();
});

// This device has opened the address that its owner's home has shown. Both show a code.
program.addEventListener("pairing-code", ({ detail: { name, code } }) => {
  gate = {
    title: `Add this device as ${name}`,
    text: "Your home shows a code. It must be this one:",
    code: `${code.slice(0, 3)} ${code.slice(3)}`,
    hint: "Confirm it there. Then this page goes on.",
    button: "",
  };
  document.body.dataset.gate = "pairing";
  draw();
});

$("gate-copy").addEventListener("click", () => copy($("gate-copy"), gate?.command ?? ""));

program.addEventListener("overlay", ({ detail }) => {
  world.overlay = detail.overlay;
  draw();
});

program.addEventListener("own", ({ detail }) => {
  const { name, card, invitation, invitation_notes, invitation_with_peers } = detail;
  Object.assign(world.hello, { name, card, invitation, invitation_notes, invitation_with_peers });
  dialogs.drawCard();
  draw();
});

program.addEventListener("contacts", ({ detail }) => {
  world.contacts = detail.contacts;
  draw();
});

program.addEventListener("changed-elsewhere", ({ detail }) => {
  world.changes = detail.changes;
  draw();
});

program.addEventListener("log", ({ detail }) => {
  world.log = detail.log;
  draw();
});

program.addEventListener("ring", ({ detail }) => {
  announce(detail);
  const call = calls.ringing.find((each) => each.id === detail.call);
  if (call) notices.show(`call ${call.id}`, rung(call));
});

program.addEventListener("call", ({ detail: call }) => {
  if (call.state !== "ringing") notices.close(`call ${call.id}`);
});

program.addEventListener("text", ({ detail: text }) => {
  const name = calls.name(text.call);
  if (!text.ours && name) notices.show(`text ${text.call}`, `${name} wrote`);
});

// A call that was answered automatically is seen here always, and heard here once if nothing else sounds the notice.
program.addEventListener("answered-alone", ({ detail }) => {
  if (detail.chime) chime();
  view.notice(detail);
});

// What a person who doesn't see the page has to hear of.
let told = {};

calls.addEventListener("changed", () => {
  const call = calls.current;
  if (!call || (told.id === call.id && told.state === call.state)) return;
  if (call.state === "active" && told.state === "reconnecting") announce(`Connected with ${within(call.name)} again.`);
  else if (call.state === "active") announce(`Connected with ${within(call.name)}.`);
  else if (call.state === "ended") announce(call.differed ? { ...call, sentence: `${call.sentence} ${DIFFERED}` } : call);
  told = { id: call.id, state: call.state };
});

program.addEventListener("problem", ({ detail }) => {
  toast(detail, { urgent: true });
});

program.addEventListener("said", ({ detail }) => {
  if (detail.kind === "call.not-kept") toast(detail, { urgent: true, seconds: 20 });
  if (detail.kind === "call.again") toast(detail, { seconds: 20 });
});

// A call was declined beside another, which the page goes on to show.
calls.addEventListener("to-send", ({ detail: { call, link } }) => {
  const button = copyButton("Copy link", link.link.text);
  button.addEventListener("click", () => calls.told(call.id));
  toast({ kind: link.kind, sentence: `${call.sentence} ${link.sentence}` }, { seconds: 30, acts: [button] });
});

calls.addEventListener("changed", draw);
calls.addEventListener("sounds", () => view.sound());

// A link that was tapped opens this page as /#TOKEN. It is explained; nothing happens before a click.
let tapped = "";

function explain() {
  if (tapped && !gate) dialogs.explain(tapped.slice(0, 4096));
  if (!gate) tapped = "";
}

function readAddress() {
  const { key, link } = takeAddress();
  tapped = link || tapped;
  if (key) {
    program.give(key);
    program.connect();
  }
  explain();
  return Boolean(key);
}

addEventListener("hashchange", readAddress);
keys({ calls, incoming, outgoing, view, dialogs });
whenAudible((on) => {
  program.send("audible", { on });
  whenReleased(draw);
});
// What earlier versions kept.
localStorage.removeItem("key");
if (!readAddress()) program.connect();
