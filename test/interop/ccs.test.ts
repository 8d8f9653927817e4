import { execFileSync } from "node:child_process";
import * as util from "node:util";
import type { EmulatedDevice, Emulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import {
  caFile,
  describeWith,
  type Endpoint,
  type ForeignProgram,
  start,
  startRedirected,
  temporaryFile,
} from "./foreign-program.ts";
import { startTarget, type TargetKind } from "./target.ts";

/** Starts a program that sends to an endpoint. */
type StartProgram = (endpoint: Endpoint, token: string) => ForeignProgram;

/** Goes through the part that every endpoint has: in, a message acked and one refused. */
async function sendsTwo(
  kind: TargetKind,
  startProgram: StartProgram,
  run: (program: ForeignProgram, emulator: Emulator, device: EmulatedDevice) => Promise<void>,
): Promise<void> {
  await using target = await startTarget(kind);
  const { emulator } = target;
  const device = emulator.createDevice();
  const program = startProgram(target, device.token);
  await program.line(({ online }) => online === true);

  expect(await program.line((frame) => frame["message_type"] === "ack")).toMatchObject({
    from: device.token,
    message_id: "m-1",
  });
  expect(await program.line((frame) => frame["message_type"] === "nack")).toMatchObject({
    from: "no-such-token",
    message_id: "m-2",
    error: kind === "gateway" ? "BAD_REGISTRATION" : "DEVICE_UNREGISTERED",
  });
  expect(device.received.map(({ data }) => data)).toEqual([{ text: "<Grüße & 😀>" }]);
  await run(program, emulator, device);
}

/** The emulator has more: a receipt, an upstream message acked, and out. */
const goThrough = (startProgram: StartProgram): Promise<void> =>
  sendsTwo("emulator", startProgram, async (program, emulator, device) => {
    const receipt = await program.line<{ data: Record<string, string> }>(
      (frame) => frame["message_type"] === "receipt",
    );
    expect(receipt.data).toMatchObject({ original_message_id: "m-1", device_registration_id: device.token });

    const upstream = device.sendUpstream({ text: "hinauf & <weiter> ☂", end: "yes" });
    await upstream.acked;
    expect(await program.line((frame) => frame["message_type"] === undefined && "data" in frame)).toMatchObject({
      from: device.token,
      data: { text: "hinauf & <weiter> ☂" },
    });
    expect((await program.ended).status).toBe(0);
    expect(emulator.stats).toMatchObject({ acks: 1, nacks: 1, violations: 0 });
    const first = emulator.inbox.messages.find(({ messageId }) => messageId === "m-1");
    expect(first?.timeline.map(({ event }) => event)).toEqual([
      "accepted",
      "delivered",
      "receipt-sent",
      "receipt-acked",
    ]);
  });

/** Over the gateway: FCM v1 has neither receipts nor upstream messages. */
const goThroughGateway = (startProgram: StartProgram): Promise<void> =>
  sendsTwo("gateway", startProgram, async (program) => {
    program.terminate();
    await program.ended;
  });

/** The tests of one program, which is prepared for the first of them. */
function itGoesThrough(prepare: () => StartProgram): void {
  let prepared: StartProgram | undefined;
  const startProgram: StartProgram = (endpoint, token) => {
    prepared ??= prepare();
    return prepared(endpoint, token);
  };
  it("logs in, sends, is acked and nacked, acks a receipt and an upstream message", () => goThrough(startProgram));
  it("logs in to the gateway, sends, is acked and nacked", () => goThroughGateway(startProgram));
}

const redirected =
  (program: string): StartProgram =>
  (endpoint, token) =>
    startRedirected(endpoint, program, [token]);

/** A program that is given the endpoint's address. */
const byAddress =
  (command: string, ...args: readonly string[]): StartProgram =>
  (endpoint, token) => {
    const { host, port } = endpoint.ccsOptions();
    return start(command, [...args, host, String(port), caFile(endpoint), token]);
  };

/** The same, built from a source of `programs/` for as long as the tests run. */
function built(
  command: string,
  args: (output: string) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): StartProgram {
  const output = temporaryFile("program", "");
  execFileSync(command, args(output), { cwd: import.meta.dirname, env: { ...process.env, ...env }, stdio: "pipe" });
  return byAddress(output);
}

describe("@xmpp/client by itself, through the redirect", () => {
  itGoesThrough(() => redirected("xmpp-client.mjs"));
});

// node-xcs calls it, and Node has had it no more since 23
const { isNullOrUndefined } = util as { isNullOrUndefined?: unknown };

describe.skipIf(isNullOrUndefined === undefined)("node-xcs, unmodified, through the redirect", () => {
  itGoesThrough(() => redirected("node-xcs.cjs"));
});

describeWith("libstrophe-dev", ["gcc", "-include", "strophe.h", "-E", "-x", "c", "/dev/null"], "libstrophe (C)", () => {
  itGoesThrough(() => built("gcc", (output) => ["-o", output, "programs/strophe_client.c", "-lstrophe"]));
});

describeWith(
  "libgloox-dev",
  ["g++", "-include", "gloox/client.h", "-E", "-x", "c++", "/dev/null"],
  "gloox (C++), with GnuTLS",
  () => {
    itGoesThrough(() => built("g++", (output) => ["-o", output, "programs/gloox_client.cpp", "-lgloox"]));
  },
);

// Debian's packages of Go programs' sources, outside of any module
const GO_ENVIRONMENT = { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "" };

describeWith(
  "golang-github-mattn-go-xmpp-dev",
  ["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "list", "github.com/mattn/go-xmpp"],
  "go-xmpp, as go-gcm uses it (Go)",
  () => {
    itGoesThrough(() =>
      built("go", (output) => ["build", "-o", output, "programs/go_xmpp_client.go"], {
        ...GO_ENVIRONMENT,
        GOCACHE: temporaryFile("cache", "").replace(/cache$/, "go"),
      }),
    );
  },
);

// Debian's own Python: another one on the path does not see Debian's packages
const PYTHON = "/usr/bin/python3";

describeWith("python3-slixmpp", [PYTHON, "-c", "import slixmpp"], "slixmpp (Python)", () => {
  itGoesThrough(() => byAddress(PYTHON, "programs/slixmpp_client.py"));
});
