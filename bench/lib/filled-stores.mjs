// Cases of stores that hold so much already: what does a call cost then?
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { createOutbox } from "@cloud-messaging/outbox";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { inFlight } from "./in-flight.mjs";

const PAGE = 1_000;
const WIDTH = 64;
const MESSAGE = { data: { type: "release", version: "4.2", text: "Now with offline maps 🎬" } };
const token = (n) => `c${String(n).padStart(21, "0")}:APA91b${"x".repeat(134)}`;

async function startFolder() {
  const folder = mkdtempSync(join(tmpdir(), "bench-sweep-"));
  return { value: folder, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The tokens of a send, looked up among so many registrations. */
const resolve = (devices, open) => async (folder) => {
  const store = open(folder);
  for (let from = 0; from < devices; from += PAGE) {
    await Promise.all(
      Array.from({ length: Math.min(PAGE, devices - from) }, (_, at) =>
        store.register(`user-${(from + at) >> 1}`, token(from + at), { platform: "android" }),
      ),
    );
  }
  let sends = 0;
  return {
    async send(tokens) {
      for (let done = 0; done < tokens; done += PAGE) {
        const start = sends++ * 5_003;
        const { states } = await store.resolve(
          Array.from({ length: PAGE }, (_, at) => token((start + at * 997) % devices)),
        );
        if (states.some(({ revision }) => revision === null)) throw new Error("a registration is lost");
      }
      return tokens;
    },
    close: () => store.close?.(),
  };
};

/** A case of a store with so many registrations. */
export function registrationsCase(name, devices, tokens) {
  return {
    name,
    group: "sweeps",
    unit: "token",
    messages: tokens,
    startServer: startFolder,
    contestants: {
      memory: resolve(devices, () => createMemoryRegistrationStore()),
      LMDB: resolve(devices, (folder) => createLmdbRegistrationStore({ path: join(folder, "lmdb") })),
    },
  };
}

/** Takes every message in no time, so that what is left is the outbox. `onTaken` is called with the number of recipients. */
const accepting = (onTaken) => ({
  name: "accepting",
  retryPolicy: {
    minMs: 0,
    initialMs: 0,
    maxMs: 0,
    rateLimitedMinMs: 0,
    maxAttempts: 1,
    maxResends: 0,
    totalMs: 10_000,
  },
  async send({ target }) {
    const recipients = target.tokens ?? [target.token];
    onTaken(recipients.length);
    return { outcomes: recipients.map((recipient) => ({ kind: "accepted", recipient, attempts: 1 })) };
  },
  async close() {},
});

function* audience(count) {
  for (let n = 0; n < count; n++) yield token(n);
}

/** Messages of a lane of their own beside a campaign that waits. */
const besideBacklog = (recipients, sends) => async (folder) => {
  let left = 0;
  let stop;
  const transport = accepting((taken) => {
    left -= taken;
    // what is under way gets its outcome
    if (left === 0) stop.abort();
  });
  const outbox = createOutbox({
    path: join(folder, sends ? "send" : "enqueue"),
    transport,
    lanes: { waiting: 1, measured: 1 },
    maxBacklog: Number.POSITIVE_INFINITY,
  });
  await outbox.enqueueAll(MESSAGE, audience(recipients), { lane: "waiting" });
  let n = 0;
  const one = async () => {
    const { created } = await outbox.enqueue({ ...MESSAGE, target: { token: token(n++) } }, { lane: "measured" });
    return created ? 1 : 0;
  };
  return {
    async send(messages) {
      const stored = await inFlight(messages, WIDTH, one);
      if (sends) {
        left = stored;
        stop = new AbortController();
        await outbox.work({ signal: stop.signal, lanes: ["measured"], concurrency: 4 });
      }
      return stored;
    },
    close: () => outbox.close(),
  };
};

/** A case of an outbox in which so many recipients wait. */
export function backlogCase(name, recipients, messages) {
  return {
    name,
    group: "sweeps",
    unit: "message",
    messages,
    startServer: startFolder,
    contestants: {
      enqueue: besideBacklog(recipients, false),
      "enqueue and send": besideBacklog(recipients, true),
    },
  };
}
