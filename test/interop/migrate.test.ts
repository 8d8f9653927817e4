import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as util from "node:util";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { afterAll, describe, expect, it } from "vitest";
import { type ForeignProgram, redirectVariables, start } from "./foreign-program.ts";
import { API_KEY } from "./target.ts";

const examples = join(import.meta.dirname, "../../examples/migrate");
const PARTS = ["before", "after"] as const;
type Part = (typeof PARTS)[number];

// below this folder, where the libraries are found as they were published
const folder = mkdtempSync(join(import.meta.dirname, ".migrate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a program of `examples/migrate`, unmodified and through the redirect, beside a service account of the emulator. */
function startProgram(emulator: Emulator, library: string, part: Part, tokens: readonly string[]): ForeignProgram {
  const file = readdirSync(join(examples, library)).find((name) => name.startsWith(`${part}.`));
  if (file === undefined) throw new Error(`examples/migrate/${library} has no program ${part}`);
  const place = mkdtempSync(join(folder, `${library}-`));
  copyFileSync(join(examples, library, file), join(place, file));
  writeFileSync(join(place, "service-account.json"), JSON.stringify(emulator.fcm.serviceAccount()));
  const env = {
    ...redirectVariables(emulator),
    SENDER_ID: emulator.ccsOptions().senderId,
    SERVER_KEY: API_KEY,
    GCM_URI: emulator.httpOptions().endpoint,
  };
  return start(process.execPath, ["--import", "@cloud-messaging/emulator/redirect", file, ...tokens], env, place);
}

/** Sends the score to a phone and to a token that is no longer registered: the words, and the message as the phone has it. */
async function sendScore(library: string, part: Part) {
  await using emulator = await startEmulator();
  const phone = emulator.createDevice({ token: `phone:APA91b${"a".repeat(134)}` });
  const gone = emulator.createDevice({ token: `gone:APA91b${"b".repeat(134)}` });
  gone.unregister();
  const { status, printed, err } = await startProgram(emulator, library, part, [phone.token, gone.token]).ended;
  expect(status, err).toBe(0);
  const message = emulator.inbox.messages.find(({ to }) => to === phone.token);
  return {
    printed,
    gone: gone.token,
    received: phone.received.map(({ data, notification, collapseKey }) => ({ data, notification, collapseKey })),
    asked: { priority: message?.priority, timeToLiveSec: message?.timeToLiveSec },
  };
}

describe.each(["parse-node-gcm", "fcm-node", "firebase-admin", "node-pushnotifications", "googleapis-fcm"])(
  "moving over from %s",
  (library) => {
    it("prints the same before and after, and leaves the same message on the phone", async () => {
      const [before, after] = await Promise.all(PARTS.map((part) => sendScore(library, part)));
      expect(before?.printed).toEqual(["sent", `remove ${before?.gone}`]);
      expect(before?.received).toHaveLength(1);
      expect(before?.received[0]).toMatchObject({ data: { match: "final", score: "3" }, collapseKey: "score" });
      expect(before?.asked).toMatchObject({ priority: "high", timeToLiveSec: 3600 });
      expect(after).toEqual(before);
    });
  },
);

// node-xcs calls it, and Node has had it no more since 23
const { isNullOrUndefined } = util as { isNullOrUndefined?: unknown };
const parts = PARTS.filter((part) => part === "after" || isNullOrUndefined !== undefined);

describe("moving over from node-xcs", () => {
  it.each(parts)("%s: an ack, a receipt and the answer of the phone, which has the same message", async (part) => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const program = startProgram(emulator, "node-xcs", part, [phone.token]);
    await program.says("on the phone: order-17");
    await phone.sendUpstream({ answer: "thanks" }).acked;
    const { status, printed } = await program.ended;
    expect(printed).toEqual(["sent", "on the phone: order-17", "the phone says: thanks"]);
    expect(status).toBe(0);
    expect(phone.received).toMatchObject([
      {
        messageId: "order-17",
        data: { order: "17" },
        notification: { title: "Your order", body: "is on its way", icon: "ic_order", sound: "default" },
      },
    ]);
    expect(emulator.inbox.messages.map(({ priority }) => priority)).toEqual(["high"]);
  });
});
