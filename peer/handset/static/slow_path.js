// What a page sends over a path that carries little: sound first. Pure: what was seen goes in, what to send comes out.
// peer/transport/audio_first.py is the same for the program's own encoders.
//
// A browser's belief in what it can send falls on a busy machine too, so nothing is given up before packets are lost or
// very late, or nothing is reported any more. How much would fit is unknown while no picture is sent, so a higher step is tried for a moment, and less and
// less often if packets are lost or late then.

// From the best to the least. `needs` is what the browser has to believe in, in bits a second, with a picture to send and
// without one: sound as browsers send it takes 58,000 with all headers, in packets of 40 ms 37,000, of 120 ms 17,000.
export const STEPS = [
  { picture: true, sound: null, needs: { picture: 110_000, sound: 62_000 } },
  { picture: true, sound: { bitrate: 24_000, ptime: 40 }, needs: { picture: 70_000, sound: 42_000 } },
  { picture: false, sound: { bitrate: 24_000, ptime: 40 }, needs: { picture: 42_000, sound: 42_000 } },
  { picture: false, sound: { bitrate: 12_000, ptime: 120 }, needs: { picture: 0, sound: 0 } },
];

const LAST = STEPS.length - 1;
// Looks in a row that decide, one look a second. One poor look does where most is lost.
const POOR_LOOKS = 2;
const GOOD_LOOKS = 2;
const TRY_LOOKS = 5;
// Looks before a higher step is tried again, after so many tries that failed in a row.
const WAITS = [3, 6, 12, 24];
// Looks that it waits longer for a report.
const UNREPORTED = 8;
// There is enough for a higher step, without a try, if there is a good bit more than it needs.
const ROOM = 1.2;
// In a try a picture takes no more than this, in bits a second: if there is no room for it, the sound hardly suffers.
const TRIED_PICTURE = 40_000;
// Bits a second: with less the picture has half its width and height until there is more than the second. A browser makes a
// picture smaller too, but not for some ten seconds, in which hardly any picture of the old size comes through.
const SMALL = 100_000;
const LARGE = 250_000;
// More packets lost than usual on this path, as a part of all, or this many seconds later than they can come: too much.
const LOST = 0.05;
// The same in a try: it is a few seconds, and a second has few packets.
const TRIED_LOST = 0.1;
const LATE = 1.5;
// The part of the packets: where more is lost, so are the reports, and nobody knows what fits.
const MOST = 0.5;
// So many looks tell what is lost at a step, and how late packets are: a second has few of them.
const SMOOTH = 3;
// In a try for which the path seems too narrow, this much later than before it is too much.
const LATER = 0.2;

// Looks after a path was dark in which nothing is decided: what is reported then tells of the dark, not of a narrow path. Where nothing
// arrives for longer than that the other side sends nothing, for a path that is dark is dialled again.
const DARK = 8;
// After so many looks in a row without a packet the path may be another one.
const ANOTHER = 5;

export const LIGHT = Object.freeze({ arrived: 0, silent: 0, left: 0, another: false });

// The same after one more look at how many packets have arrived. Nothing is decided while `left` is above zero. `another`
// is true in the look after which `afterSilence` is due.
export function light(before, arrived) {
  if (arrived === before.arrived) {
    const silent = before.silent + 1;
    return { arrived, silent, left: silent > DARK ? before.left - 1 : DARK, another: false };
  }
  return { arrived, silent: 0, left: before.silent ? DARK - 1 : before.left - 1, another: before.silent >= ANOTHER };
}

// The state after a long silence: what was seen and tried before it tells nothing about the path that there is now.
export function afterSilence(state) {
  return { ...state, failed: 0, doubted: false };
}

// `lostHere` is the part that is lost at a step, and `lateHere` how late packets are there, both smoothed. `doubted`: what the browser believed in has proven false, so only a try tells whether more fits.
export const WHOLE = Object.freeze({ step: 0, looks: 0, run: 0, failed: 0, lost: 0, usual: 0, lostHere: 0, lateHere: 0, late: 0, trying: false, small: false, doubted: false });

// The state after one more look. `seen` has `available`, in bits a second, null where the browser doesn't say; `lost`, the
// part of the packets that didn't arrive, and `late`, how many seconds longer they take than at best, both null if that wasn't
// reported lately; `pictured`, whether there is a picture to send; and `unheard`, whether nothing is reported of what is sent.
export function next(before, seen) {
  const lost = seen.lost ?? before.lost;
  // What is lost whatever is sent is no reason to send less: it is known once little was sent.
  const usual = lost < before.usual && !before.trying ? (before.usual + lost) / 2 : before.usual;
  const much = 1.5 * before.usual + (before.trying ? TRIED_LOST : LOST);
  const suffers = seen.unheard || (seen.lost ?? 0) > much || (seen.late ?? 0) > LATE;
  const small = seen.available !== null && seen.available < (before.small ? LARGE : SMALL);
  const smoothed = (old, now) => (before.looks ? old + (now - old) / SMOOTH : now);
  const [lostHere, lateHere] = [smoothed(before.lostHere, lost), smoothed(before.lateHere, seen.late ?? before.lateHere)];
  const state = { ...before, lost, usual, lostHere, lateHere, small, looks: before.looks + 1 };
  const { step } = state;
  const room = step > 0 && !state.doubted && seen.available !== null && seen.available >= needs(step - !state.trying, seen) * ROOM;
  const fits = enough(seen, step) && !state.doubted;
  const run = suffers && !fits ? Math.min(state.run, 0) - 1 : room && !suffers ? Math.max(state.run, 0) + 1 : 0;
  const smaller = step > 0 && STEPS[step].picture;
  // While a picture is sent the estimate grows with the path, and a try that fails would cost sound.
  const known = smaller && seen.pictured && seen.available !== null;
  if (state.trying) {
    const full = lateHere > state.late + LATER && !fits;
    if ((suffers || full) && state.looks >= 2) return at(step + 1, state, { failed: state.failed + 1 });
    // One that works is followed by the next at once, where there is one. Without a report nobody knows.
    const worked = { doubted: state.doubted && !smaller, looks: known || state.doubted ? 0 : WAITS.at(-1) };
    const enoughLooks = state.looks >= TRY_LOOKS + (seen.lost === null ? UNREPORTED : 0);
    return run >= GOOD_LOOKS || enoughLooks ? at(step, state, worked) : { ...state, run };
  }
  if (run <= -(uncertain(seen) ? 1 : POOR_LOOKS) && step < LAST) {
    const doubted = state.doubted || uncertain(seen);
    // Where most was lost it takes a while until a try tells anything.
    const failed = uncertain(seen) ? 2 : doubted || (smaller && state.looks <= WAITS.at(-1)) ? 1 : 0;
    return at(fitting(step + 1, seen), state, { doubted, failed: state.failed + failed });
  }
  if (run >= GOOD_LOOKS) return at(step - 1, state);
  // A step that held for long was no mistake.
  const failed = state.looks > WAITS.at(-1) && STEPS[step].picture ? 0 : state.failed;
  // How late packets are before a try is what it is judged by. Sound alone is reported only every few seconds.
  const wait = WAITS[Math.min(failed, WAITS.length - 1)] + (seen.late === null ? UNREPORTED : 0);
  if (step > 0 && !known && run >= 0 && state.looks >= wait) {
    return at(step - 1, state, { failed, trying: true, usual: lostHere, late: lateHere });
  }
  return { ...state, run, failed };
}

function at(step, { failed, lost, usual, lateHere, small, doubted }, changed = {}) {
  return { ...WHOLE, step, failed, lost, usual, lostHere: lost, lateHere, small, doubted, ...changed };
}

function fitting(step, seen) {
  while (step < LAST && !enough(seen, step)) step += 1;
  return step;
}

function needs(step, seen) {
  return STEPS[step].needs[seen.pictured ? "picture" : "sound"];
}

// Where most is lost a browser hears too little to know what fits, and what it believes in is old.
function uncertain(seen) {
  return seen.unheard || (seen.lost ?? 0) >= MOST;
}

function enough(seen, step) {
  return !uncertain(seen) && seen.available !== null && seen.available >= needs(step, seen);
}

// What to send in a state: whether the picture, at how many bits a second at most (null: as many as usual), by what its
// width and height are divided, and how the sound is to be packed (null: as usual).
export function sent({ step, trying, small }) {
  const { picture, sound } = STEPS[step];
  return { picture, most: trying && picture ? TRIED_PICTURE : null, divisor: small ? 2 : 1, sound };
}

// Whether the person is to know that the picture is paused. A try is no news before it has worked.
export function paused({ step, trying }) {
  return !STEPS[step + trying].picture;
}
