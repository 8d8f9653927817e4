import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCcsClient, createCcsTransport } from "@cloud-messaging/ccs-client";
import { subscribe } from "@cloud-messaging/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";

afterEach(() => vi.unstubAllEnvs());

const credentials = { senderId: "1234567890", apiKey: "AIza-EXAMPLE" };
const CCS = "CLOUD_MESSAGING_EMULATOR_CCS";
const HOST = "CLOUD_MESSAGING_EMULATOR_HOST";
const CA_FILE = "CLOUD_MESSAGING_EMULATOR_CA_FILE";

/** A file with the CA of the server, for as long as it is used. */
async function caFile(ca: string) {
  const folder = await mkdtemp(join(tmpdir(), "ccs-ca-"));
  const file = join(folder, "ca.pem");
  writeFileSync(file, ca);
  return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

function notices() {
  const seen: string[] = [];
  const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => seen.push(`${notice}: ${detail}`));
  return { seen, [Symbol.dispose]: stop };
}

describe("the environment that names an emulator", () => {
  it("is where a client goes that was given neither host nor port, and an event says so", async () => {
    await using server = await startScriptedServer();
    await using ca = await caFile(server.ca);
    vi.stubEnv(CCS, `127.0.0.1:${server.port}`);
    vi.stubEnv(HOST, "127.0.0.1:1");
    vi.stubEnv(CA_FILE, ca.file);
    using said = notices();
    await using client = createCcsClient(credentials);
    await client.ready();
    expect(server.connections).toHaveLength(1);
    expect(said.seen).toEqual([
      expect.stringMatching(new RegExp(`^emulator: ${CCS} .* 127.0.0.1:${server.port}, and no credentials$`)),
    ]);
  });

  it("needs no CA file where the option tls.ca is given, and knows the CCS port of the host that is named", async () => {
    await using server = await startScriptedServer();
    vi.stubEnv(HOST, "[::1]:8095");
    using said = notices();
    const transport = createCcsTransport({ ...credentials, tls: { ca: server.ca }, connectTimeoutMs: 1 });
    await transport.close();
    expect(said.seen).toEqual([expect.stringMatching(/ \[::1\]:5235, and no credentials$/)]);
  });

  it.each(["nonsense", "host", "http://127.0.0.1:1", "a b:1", "host:0", "host:65536", "[zz]:1"])(
    "is refused by name when it is %j",
    (value) => {
      for (const name of [CCS, HOST]) {
        vi.stubEnv(CCS, "");
        vi.stubEnv(name, value);
        expect(() => createCcsClient(credentials)).toThrow(new RegExp(`${name}.*host:port`));
      }
    },
  );

  it("names the CA file when it is missing or cannot be read", () => {
    vi.stubEnv(CCS, "127.0.0.1:5235");
    expect(() => createCcsClient(credentials)).toThrow(/CLOUD_MESSAGING_EMULATOR_CA_FILE.*not set/);
    vi.stubEnv(CA_FILE, "/nonexistent/ca.pem");
    expect(() => createCcsClient(credentials)).toThrow(/CLOUD_MESSAGING_EMULATOR_CA_FILE.*ENOENT/);
  });
});
