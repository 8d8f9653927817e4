import { createCcsClient, createCcsTransport, createHandledMessages } from "@cloud-messaging/ccs-client";
import {
  createHttpApp,
  fcmV1Routes,
  gcmHttpRoutes,
  startCcsServer,
  tokenRoutes,
} from "@cloud-messaging/connection-server";
import { createManualClock, createMemoryRegistrationStore, InvalidOptionsError } from "@cloud-messaging/core";
import {
  createMemoryOutboxEngine,
  createOutbox,
  createSender,
  type DownstreamTransport,
  divideOptions,
  withRegistrations,
  withRetry,
} from "@cloud-messaging/core/transport";
import { startEmulator } from "@cloud-messaging/emulator";
import { hashKey } from "@cloud-messaging/gateway";
import {
  createDeviceGroups,
  createFcmSender,
  createFcmV1Transport,
  createGcmHttpTransport,
  createGcmSender,
  createTopics,
} from "@cloud-messaging/http-sender";
import { Sender } from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it, vi } from "vitest";

type Call = (value: never) => unknown;

const transport: DownstreamTransport = {
  name: "test",
  retryPolicy: {
    minMs: 0,
    initialMs: 0,
    maxMs: 0,
    rateLimitedMinMs: 0,
    maxAttempts: 1,
    maxResends: 0,
    totalMs: 1,
  },
  send: async () => ({ outcomes: [] }),
  close: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

/** Every function of the packages that takes an object with options. */
const ENTRY_POINTS: Readonly<Record<string, Call>> = {
  createFcmSender,
  createGcmSender,
  createFcmV1Transport,
  createGcmHttpTransport,
  createTopics,
  createDeviceGroups,
  createCcsClient,
  createCcsTransport,
  startEmulator,
  createSender,
  divideOptions,
  withRetry: (options) => withRetry(transport, options),
  withRegistrations: (options) => withRegistrations(transport, createMemoryRegistrationStore(), options),
  createMemoryRegistrationStore,
  createHttpApp: (options) => createHttpApp([], options),
  fcmV1Routes,
  gcmHttpRoutes,
  "Sender of the drop-in": async (options) => {
    const sender = new Sender("AIza-EXAMPLE", options);
    try {
      await sender.send({ data: { n: "1" } } as never, "tok-a");
    } finally {
      await sender.close();
    }
  },
};

const NOT_OBJECTS: readonly (readonly [value: unknown, words: string])[] = [
  [1, "1"],
  [null, "null"],
  ["AIza-EXAMPLE", "a string"],
  [true, "a boolean"],
  [10n, "a bigint"],
  [Symbol("options"), "a symbol"],
  [[], "an array"],
  [() => {}, "a function"],
];

async function failureOf(call: Call, value: unknown): Promise<unknown> {
  try {
    await call(value as never);
  } catch (error) {
    return error;
  }
  return undefined;
}

afterEach(() => vi.unstubAllEnvs());

describe.each(Object.entries(ENTRY_POINTS))("%s", (name, call) => {
  // node-gcm takes null for no options
  const values = NOT_OBJECTS.filter(([value]) => value !== null || name !== "Sender of the drop-in");

  it.each(["", "127.0.0.1:1"])(
    "refuses options that are no object, with the emulator's variable %j",
    async (emulator) => {
      vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", emulator);
      vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", emulator);
      for (const [value, words] of values) {
        const error = await failureOf(call, value);
        expect(error, words).toBeInstanceOf(InvalidOptionsError);
        expect((error as Error).message).toBe(`The options are not valid: must be an object, not ${words}`);
      }
    },
  );
});

describe("an entry point", () => {
  it.each([undefined, null, 1, "x", {}, { send() {} }])(
    "refuses %j as a transport, and names the rest of one",
    (value) => {
      const problem = /transport: must be a transport; .*retryPolicy.*close\(\) missing/;
      const store = createMemoryRegistrationStore();
      const given = value as never;
      for (const call of [
        () => createSender({ transport: given }),
        () => withRetry(given),
        () => withRegistrations(given, store),
      ]) {
        expect(call).toThrow(InvalidOptionsError);
        expect(call).toThrow(problem);
      }
    },
  );

  it("refuses a misspelt option of a connection server", async () => {
    const service = { authenticate: () => ({ kind: "sender" }) as const, submit: () => new Promise<never>(() => {}) };
    const shared = { service, decisionTimoutMs: 1 } as never;
    const words = /decisionTimoutMs: is not an option of \w+: did you mean decisionTimeoutMs\?/;
    expect(() => gcmHttpRoutes(shared)).toThrow(words);
    expect(() => fcmV1Routes(shared)).toThrow(words);
    expect(() => tokenRoutes(shared)).toThrow(words);
    await expect(startCcsServer(shared)).rejects.toThrow(words);
    const app = { handshakeTimeoutMs: 1000, trustProxi: true };
    expect(() => createHttpApp([], app)).toThrow(/trustProxi: .*did you mean trustProxy\?/);
  });

  it.each(["apiKey", "serverKey", "serviceAccount", "keyFilename"])(
    "points from %s, which FCM HTTP v1 does not have, to the credential",
    (name) => {
      const options = { [name]: "AIza-EXAMPLE" } as never;
      const words = new RegExp(`^(?!.*AIza).*${name}: is not an option of the FCM sender: did you mean credential\\?`);
      expect(() => createFcmSender(options)).toThrow(words);
      expect(() => createFcmV1Transport(options)).toThrow(words);
    },
  );

  it("points from other names of the server key to apiKey, and from a credential to the sender that takes one", () => {
    expect(() => createGcmSender({ serverKey: "any" } as never)).toThrow(/serverKey: .* did you mean apiKey\?/);
    expect(() => createGcmSender({ key: "any" } as never)).toThrow(/key: .* did you mean apiKey\?/);
    expect(() => createGcmSender({ apiKey: "any", credential: "key.json" } as never)).toThrow(
      /credential: is not an option of the GCM sender: did you mean createFcmSender\?/,
    );
  });

  it("points from an authority beside the options to those of TLS, and from an endpoint of CCS to the host", () => {
    const ccs = { senderId: "1", apiKey: "any", ca: "pem", endpoint: "127.0.0.1" } as never;
    const call = () => createCcsClient(ccs);
    expect(call).toThrow(/ca: is not an option of the CCS client: did you mean tls\.ca\?/);
    expect(call).toThrow(/endpoint: is not an option of the CCS client: did you mean host\?/);
    expect(() => createFcmSender({ ca: "pem" } as never)).toThrow(/ca: .* did you mean tls\.ca\?/);
    expect(() => createGcmSender({ apiKey: "any", ca: "pem" } as never)).toThrow(/ca: .* did you mean tls\.ca\?/);
  });

  it("says that a call takes no callback", async () => {
    await using sender = createGcmSender({ apiKey: "any", endpoint: "http://127.0.0.1:1/" });
    const sending = sender.send({ target: { token: "tok" } }, (() => {}) as never);
    await expect(sending).rejects.toThrow(/options: must be an object: there is no callback, await the promise/);
  });

  it("says that a sender is no transport, and what makes one", async () => {
    await using sender = createGcmSender({ apiKey: "any", endpoint: "http://127.0.0.1:1/" });
    const words = /transport: must be a transport, not a sender, .*createFcmV1Transport/;
    const transport = sender as never;
    expect(() => createSender({ transport })).toThrow(words);
    expect(() => createOutbox({ engine: createMemoryOutboxEngine(), transport })).toThrow(words);
  });

  it("names an API key of the gateway that is missing, short or no key, and does not quote it", () => {
    const wrong = [undefined, 5, "short-secret", "not printable: ä ".repeat(3)];
    const words = [/key: is missing/, /key: must be an API key/, /key: .*at least 20/, /key: must be printable/];
    wrong.forEach((key, index) => {
      const call = () => hashKey(key as never);
      expect(call).toThrow(InvalidOptionsError);
      expect(call).toThrow(words[index]);
      expect(call).not.toThrow(/secret|ä/);
    });
  });

  it("takes no options for none: what is missing is named", () => {
    const none = undefined as never;
    expect(() => createGcmSender(none)).toThrow(/apiKey: is missing/);
    expect(() => createCcsClient(none)).toThrow(/senderId: is missing.*apiKey: is missing/);
    expect(() => createTopics(none)).toThrow(/backend: must be/);
    expect(() => createSender(none)).toThrow(/transport: must be a transport/);
    expect(() => gcmHttpRoutes(none)).toThrow(/service: must be a service with authenticate\(\) and submit\(\)/);
    expect(() => fcmV1Routes({ service: {} as never })).toThrow(/service: must be a service/);
  });

  it("names a number out of range", () => {
    for (const value of [0, -1, 1.5, Number.NaN, "5", null]) {
      expect(() => createHandledMessages(value as never)).toThrow(/maxMessages: must be a whole number of at least 1/);
    }
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "2026", null]) {
      expect(() => createManualClock(value as never)).toThrow(/startMs: must be a number of milliseconds/);
    }
    expect(() => createMemoryRegistrationStore({ maxRewrites: 0 })).toThrow(/maxRewrites: must be at least 1/);
    expect(() => createMemoryRegistrationStore({ maxRegistration: 5 } as never)).toThrow(
      /maxRegistration: is not an option of the memory store: did you mean maxRegistrations\?/,
    );
  });
});
