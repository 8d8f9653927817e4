import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { type Emulator, type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender } from "@cloud-messaging/http-sender";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCertificates } from "../../packages/emulator/src/certificates.ts";
import { killAll, start } from "../support/emulator-program.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "emulator-certificates-"));
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  killAll();
  await rm(folder, { recursive: true, force: true });
});

/** One message over FCM HTTP v1, one over CCS, by clients that verify. */
async function sendOverTls(emulator: Emulator): Promise<string[]> {
  const phone = emulator.createDevice();
  const message = { target: { token: phone.token }, data: {} };
  await using sender = createFcmSender({ ...emulator.fcmOptions(), retry: false });
  await using client = createCcsClient(emulator.ccsOptions());
  const reports = [await sender.send(message), await client.send(message)];
  return reports.map(({ outcomes: [outcome] }) => outcome?.kind ?? "");
}

describe("the emulator's certificate", () => {
  it.each([2020, 2031])("is good although a test has frozen the date in %i", async (year) => {
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: Date.UTC(year, 0, 1) });
    await using emulator = await startEmulator();
    expect(await sendOverTls(emulator)).toEqual(["accepted", "accepted"]);
  });

  it.each([2020, 2031])("is good although Date and performance are stubs that say %i", async (year) => {
    const at = Date.UTC(year, 0, 1);
    const RealDate = Date;
    vi.stubGlobal(
      "Date",
      class extends RealDate {
        constructor(...args: []) {
          super(...((args.length > 0 ? args : [at]) as []));
        }
        static override now = () => at;
      },
    );
    vi.stubGlobal("performance", { now: () => 0, timeOrigin: at });
    await using emulator = await startEmulator();
    vi.unstubAllGlobals();
    const { validFrom, validTo } = new X509Certificate(emulator.caCertificate);
    expect(Date.parse(validFrom)).toBeLessThan(Date.now());
    expect(Date.parse(validTo)).toBeGreaterThan(Date.now() + 300 * 86_400_000);
  });

  it("is kept in the state file, and clients that trust it go on after a restart", async () => {
    const stateFile = join(folder, "state.json");
    const one = await startEmulator({ stateFile });
    const { port } = one.ccs;
    const phone = one.createDevice();
    await using client = createCcsClient(one.ccsOptions());
    await client.ready();
    await one.close();
    await using two = await startEmulator({ stateFile, ccsPort: port });
    expect(two.caCertificate).toBe(one.caCertificate);
    const report = await client.send({ target: { token: phone.token }, data: {} });
    expect(report.outcomes[0]?.kind).toBe("accepted");
    // and never leaves over the control API
    const state = (await (await fetch(`${two.httpUrl}/emulator/v1/state`)).json()) as object;
    expect(Object.keys(state)).not.toContain("certificates");
    expect(JSON.stringify(state)).not.toContain("PRIVATE KEY");
  });

  it("is made anew when the kept one does not name a host that was added since", async () => {
    const stateFile = join(folder, "state.json");
    const one = await startEmulator({ stateFile });
    await one.close();
    await using two = await startEmulator({ stateFile, certificateNames: ["push.example.com"] });
    expect(two.caCertificate).not.toBe(one.caCertificate);
  });

  it("may be one's own, with its key and its CA", async () => {
    const own = await createCertificates(["push.example.com"]);
    await using emulator = await startEmulator({ tls: own });
    expect(emulator.caCertificate).toBe(own.ca);
    expect(await sendOverTls(emulator)).toEqual(["accepted", "accepted"]);
  });

  it("of one's own is given to the command as files", async () => {
    const own = await createCertificates([]);
    const file = (name: string): string => join(folder, name);
    for (const [name, text] of Object.entries(own)) await writeFile(file(name), text);
    const args = ["--tls-cert", file("cert"), "--tls-key", file("key"), "--tls-ca", file("ca")];
    const { ready, running } = await start(...args);
    expect(await readFile(ready.caFile, "utf8")).toBe(own.ca);
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
    await expect(start("--tls-cert", file("cert"))).rejects.toThrow(/--tls-cert, --tls-key and --tls-ca go together/);
    await expect(start("--tls-cert", file("none"), "--tls-key", file("key"))).rejects.toThrow(/--tls-cert: .*none/);
    await expect(start("--tls-cert", file("cert"), "--tls-key", file("ca"))).rejects.toThrow(
      /--tls-key: cannot be read/,
    );
  });

  it("of one's own that cannot be used is refused by field, without a word of the key", async () => {
    const [own, other] = [await createCertificates([]), await createCertificates([])];
    const wrong: [EmulatorOptions["tls"], RegExp][] = [
      [{ ...own, key: other.key }, /tls\.key: does not belong to tls\.cert/],
      [{ ...own, key: own.key.replace(/\n.{20}/, "\n") }, /tls\.key: cannot be read/],
      [{ ...own, cert: own.key }, /tls\.cert: cannot be read/],
      [{ ...own, ca: own.key }, /tls\.ca: cannot be read/],
      [{ ...own, cert: "/etc/cert.pem" }, /tls\.cert: must be PEM text/],
      [{ cert: own.cert } as EmulatorOptions["tls"] & object, /tls\.key/],
    ];
    for (const [tls, problem] of wrong) {
      const error = await startEmulator({ tls } as EmulatorOptions).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error?.message).toMatch(problem);
      expect(error?.message).not.toContain(own.key.slice(40, 60));
    }
  });
});
