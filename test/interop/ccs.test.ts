import { execFileSync } from "node:child_process";
import * as util from "node:util";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { caFile, describeWith, type ForeignProgram, start, startRedirected, temporaryFile } from "./foreign-program.ts";

/** What any CCS client goes through: in, a message acked and one refused, a receipt, an upstream message acked, and out. */
async function goThrough(startProgram: (emulator: Emulator, token: string) => ForeignProgram): Promise<void> {
  await using emulator = await startEmulator();
  const device = emulator.createDevice();
  const program = startProgram(emulator, device.token);
  await program.line(({ online }) => online === true);

  expect(await program.line((frame) => frame["message_type"] === "ack")).toMatchObject({
    from: device.token,
    message_id: "m-1",
  });
  expect(await program.line((frame) => frame["message_type"] === "nack")).toMatchObject({
    from: "no-such-token",
    message_id: "m-2",
    error: "DEVICE_UNREGISTERED",
  });
  expect(device.received.map(({ data }) => data)).toEqual([{ text: "<Grüße & 😀>" }]);
  const receipt = await program.line<{ data: Record<string, string> }>((frame) => frame["message_type"] === "receipt");
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
  expect(first?.timeline.map(({ event }) => event)).toEqual(["accepted", "delivered", "receipt-sent", "receipt-acked"]);
}

describe("@xmpp/client by itself, through the redirect", () => {
  it("logs in, sends, is acked and nacked, acks a receipt and an upstream message", () =>
    goThrough((emulator, token) => startRedirected(emulator, "xmpp-client.mjs", [token])));
});

// node-xcs calls it, and Node has had it no more since 23
const { isNullOrUndefined } = util as { isNullOrUndefined?: unknown };

describe.skipIf(isNullOrUndefined === undefined)("node-xcs, unmodified, through the redirect", () => {
  it("logs in, sends, is acked and nacked, acks a receipt and an upstream message", () =>
    goThrough((emulator, token) => startRedirected(emulator, "node-xcs.cjs", [token])));
});

/** Builds a program of `programs/` for as long as the tests run; its path. */
function built(
  command: string,
  args: (output: string) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): string {
  const output = temporaryFile("program", "");
  execFileSync(command, args(output), { cwd: import.meta.dirname, env: { ...process.env, ...env }, stdio: "pipe" });
  return output;
}

/** The same for a program that is given the emulator's address. */
function goThroughByAddress(program: () => string): () => Promise<void> {
  return () =>
    goThrough((emulator, token) => {
      const { host, port } = emulator.ccsOptions();
      return start(program(), [host, String(port), caFile(emulator), token]);
    });
}

describeWith("libstrophe-dev", ["gcc", "-include", "strophe.h", "-E", "-x", "c", "/dev/null"], "libstrophe (C)", () => {
  it(
    "logs in, sends, is acked and nacked, acks a receipt and an upstream message",
    goThroughByAddress(() => built("gcc", (output) => ["-o", output, "programs/strophe_client.c", "-lstrophe"])),
  );
});

describeWith(
  "libgloox-dev",
  ["g++", "-include", "gloox/client.h", "-E", "-x", "c++", "/dev/null"],
  "gloox (C++), with GnuTLS",
  () => {
    it(
      "logs in, sends, is acked and nacked, acks a receipt and an upstream message",
      goThroughByAddress(() => built("g++", (output) => ["-o", output, "programs/gloox_client.cpp", "-lgloox"])),
    );
  },
);

// Debian's packages of Go programs' sources, outside of any module
const GO_ENVIRONMENT = { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOFLAGS: "" };

describeWith(
  "golang-github-mattn-go-xmpp-dev",
  ["env", "GO111MODULE=off", "GOPATH=/usr/share/gocode", "go", "list", "github.com/mattn/go-xmpp"],
  "go-xmpp, as go-gcm uses it (Go)",
  () => {
    it(
      "logs in, sends, is acked and nacked, acks a receipt and an upstream message",
      goThroughByAddress(() =>
        built("go", (output) => ["build", "-o", output, "programs/go_xmpp_client.go"], {
          ...GO_ENVIRONMENT,
          GOCACHE: temporaryFile("cache", "").replace(/cache$/, "go"),
        }),
      ),
    );
  },
);

// Debian's own Python: another one on the path does not see Debian's packages
const PYTHON = "/usr/bin/python3";

describeWith("python3-slixmpp", [PYTHON, "-c", "import slixmpp"], "slixmpp (Python)", () => {
  it("logs in, sends, is acked and nacked, acks a receipt and an upstream message", () =>
    goThrough((emulator, token) => {
      const { host, port } = emulator.ccsOptions();
      return start(PYTHON, ["programs/slixmpp_client.py", host, String(port), caFile(emulator), token]);
    }));
});
