// A human with Element's own crypto: JSON lines in (what to do), JSON lines out (what happened).
import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { AllDevicesIsolationMode, OnlySignedDevicesIsolationMode, VerifierEvent, VerificationPhase } from "matrix-js-sdk/lib/crypto-api/index.js";
import { createInterface } from "node:readline";

logger.setLevel("silent");
for (const name of ["log", "info", "warn", "debug", "trace", "error"]) console[name] = () => {};
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const put = (value) => process.stdout.write(JSON.stringify(value) + "\n");
process.on("unhandledRejection", (error) => put({ type: "error", text: String(error?.stack ?? error) }));

const [server, user, password] = process.argv.slice(2);
const login = await sdk.createClient({ baseUrl: server }).login("m.login.password", {
    identifier: { type: "m.id.user", user }, password, initial_device_display_name: "Element",
});
const client = sdk.createClient({
    baseUrl: server, userId: login.user_id, deviceId: login.device_id, accessToken: login.access_token,
    cryptoCallbacks: {},
});
await client.initRustCrypto({ useIndexedDB: false });
const crypto = client.getCrypto();
// Element at its strictest: no keys for devices that their people haven't verified. `plain` is such a device itself.
const plain = process.argv[5] === "plain";
crypto.setDeviceIsolationMode(plain ? new AllDevicesIsolationMode(false) : new OnlySignedDevicesIsolationMode());
if (!plain) {
    await crypto.bootstrapCrossSigning({
        setupNewCrossSigning: true,
        authUploadDeviceSigningKeys: async (make) => {
            await make({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });
        },
    });
}

const said = new Set();
function show(event) {
    if (said.has(event.getId()) || event.isBeingDecrypted()) return;
    if (event.getType() === "m.room.encrypted" && !event.isDecryptionFailure()) return;
    if (event.isDecryptionFailure()) {
        put({ type: "unreadable", room: event.getRoomId(), from: event.getSender(), event: event.getId() });
        return;
    }
    if (event.getType() !== "m.room.message") return;
    said.add(event.getId());
    put({
        type: "message", room: event.getRoomId(), from: event.getSender(), event: event.getId(),
        text: event.getContent().body, encrypted: event.isEncrypted(), ts: event.getTs(),
    });
}
client.on(sdk.ClientEvent.Event, show);
client.on(sdk.RoomEvent.Timeline, show);
client.on(sdk.MatrixEventEvent.Decrypted, show);
client.on(sdk.RoomMemberEvent.Membership, (event, member) => {
    put({ type: "membership", room: member.roomId, user: member.userId, membership: member.membership });
});

// The library holds these by weak references only, and nothing happens any more once they are collected.
const kept = [];
async function verified(request) {
    kept.push(request);
    const ready = new Promise((resolve) => {
        const look = () => { if (request.phase >= VerificationPhase.Ready) resolve(); };
        request.on("change", look);
        look();
    });
    await ready;
    const verifier = await request.startVerification("m.sas.v1");
    kept.push(verifier);
    const compare = (sas) => {
        if (confirming === sas) return;
        confirming = sas;
        put({ type: "emoji", emoji: sas.sas.emoji });
    };
    verifier.on(VerifierEvent.ShowSas, compare);
    // They may have come while the start was still being sent.
    if (verifier.getShowSasCallbacks()) compare(verifier.getShowSasCallbacks());
    await verifier.verify();
    put({ type: "verified" });
}
let confirming = null;

const commands = {
    async room({ invite, name, encrypted = true }) {
        const initial_state = encrypted
            ? [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }] : [];
        const made = await client.createRoom({ preset: "trusted_private_chat", invite, name, initial_state });
        return { room: made.room_id };
    },
    async join({ room }) { await client.joinRoom(room); return {}; },
    async invite({ room, who }) { await client.invite(room, who); return {}; },
    async send({ room, text }) {
        await known(room);
        return { event: (await client.sendTextMessage(room, text)).event_id };
    },
    async content({ room, kind = "m.room.message", content }) {
        await known(room);
        return { event: (await client.sendEvent(room, kind, content)).event_id };
    },
    // Past the encryption: as a server, or a client that doesn't encrypt, would.
    async raw({ room, kind = "m.room.message", content }) {
        const path = `/rooms/${encodeURIComponent(room)}/send/${kind}/${Math.random()}`;
        return { event: (await client.http.authedRequest("PUT", path, undefined, content)).event_id };
    },
    async redact({ room, event }) { await client.redactEvent(room, event); return {}; },
    async verify({ who, room }) {
        // Element has met somebody's identity by the time their profile is open: it asks when a room is written in.
        if (room) { await known(room); crypto.prepareToEncrypt(client.getRoom(room)); }
        for (let i = 0; i < 600 && !(await crypto.userHasCrossSigningKeys(who)); i++) await pause(50);
        const own = who === login.user_id;
        const asked = own ? await crypto.requestOwnUserVerification() : await crypto.requestVerificationDM(who, room);
        verified(asked).catch((error) => put({ type: "verification failed", text: String(error) }));
        return {};
    },
    async same() { await confirming.confirm(); return {}; },
    async differ() { confirming.mismatch(); return {}; },
    async trusts({ who }) {
        const status = await crypto.getUserVerificationStatus(who);
        return { verified: status.isCrossSigningVerified() };
    },
    async upgrade({ room }) { return { room: (await client.upgradeRoom(room, "10")).replacement_room }; },
    // Element writes to nobody who was verified with the identity before, until that is verified again or withdrawn.
    async withdraw({ who }) { await crypto.withdrawVerificationRequirement(who); return {}; },
    async reset() {
        await crypto.bootstrapCrossSigning({
            setupNewCrossSigning: true,
            authUploadDeviceSigningKeys: async (make) => {
                await make({ type: "m.login.password", identifier: { type: "m.id.user", user }, password });
            },
        });
        return {};
    },
};

// A room is encrypted for us once we have seen that it is.
async function known(room) {
    for (let i = 0; i < 600 && !client.getRoom(room); i++) await pause(50);
}

await client.startClient({ initialSyncLimit: 20 });
await new Promise((resolve) => client.on(sdk.ClientEvent.Sync, (state) => state === "PREPARED" && resolve()));
put({ type: "ready", user: login.user_id, device: login.device_id });
createInterface({ input: process.stdin }).on("line", async (line) => {
    const { id, command, ...options } = JSON.parse(line);
    try {
        put({ type: "done", id, ...await commands[command](options) });
    } catch (error) {
        put({ type: "done", id, error: String(error?.stack ?? error) });
    }
}).on("close", () => process.exit(0));
