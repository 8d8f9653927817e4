import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { createManualClock } from "@cloud-messaging/core";
import { type EmulatorOptions, startEmulator, UpstreamLostError } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

describe("starting", () => {
  it.each([
    [{ httpPort: 70_000 }, /httpPort/],
    [{ nonsense: true }, /nonsense: is not an option of the emulator/],
    [{ profile: "gcm-1999" }, /profile/],
    [{ ccs: { maxPending: 0 } }, /ccs\.maxPending/],
    [{ apiKeys: ["a b"] }, /apiKeys\.0/],
    [{ clock: {} }, /clock: must be a clock with now\(\), monotonic\(\) and schedule\(\)/],
    [{ clock: { now: Date.now, schedule: setTimeout } }, /clock: .*lacks monotonic\(\)/],
    [{ senderId: "abc" }, /senderId: must be 1 to 20 digits/],
    [{ throttling: { collapsible: { capacity: 0, refillEveryMs: 1 } } }, /throttling\.collapsible/],
  ])("refuses wrong options by name: %j", async (options, problem) => {
    await expect(startEmulator(options as EmulatorOptions)).rejects.toThrow(problem);
    await expect(startEmulator(options as EmulatorOptions)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  });

  it.each(["httpPort", "httpsPort", "ccsPort"])("says which port is taken and what to do: %s", async (option) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    try {
      await expect(startEmulator({ [option]: port })).rejects.toThrow(
        new RegExp(`port ${port} of 127.0.0.1 is taken by another program: stop that, or set ${option}`),
      );
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
  });

  it("goes without HTTPS and without CCS when told so", async () => {
    await using emulator = await startEmulator({ httpsPort: false, ccsPort: false });
    expect(emulator.httpsUrl).toBeUndefined();
    expect(emulator.ccs.port).toBe(0);
    await expect(emulator.ccs.waitForConnections(1)).rejects.toThrow(/without CCS/);
  });

  it("keeps several apart in one process", async () => {
    await using one = await startEmulator();
    await using two = await startEmulator();
    one.createDevice({ token: "token-a" });
    expect(two.deviceOf("token-a")).toBeUndefined();
    expect(one.caCertificate).not.toBe(two.caCertificate);
  });
});

describe("closing", () => {
  it("gives one promise for every call, frees the ports and settles what waits", async () => {
    const emulator = await startEmulator({ clock: createManualClock() });
    const device = emulator.createDevice();
    const { acked } = device.sendUpstream({ q: "1" });
    const waiting = device.waitFor(() => true);
    const closed = emulator.close();
    expect(emulator.close()).toBe(closed);
    await expect(waiting).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await closed;
    await expect(acked).rejects.toBeInstanceOf(UpstreamLostError);
    const { port } = new URL(emulator.httpUrl);
    await using again = await startEmulator({ httpPort: Number(port) });
    expect(new URL(again.httpUrl).port).toBe(port);
  });

  it("leaves nothing that keeps the process alive, whatever was going on", async () => {
    const program = `
      import { startEmulator } from "@cloud-messaging/emulator";
      const emulator = await startEmulator();
      const device = emulator.createDevice({ connected: false });
      const { endpoint, apiKey } = emulator.httpOptions();
      const headers = { authorization: "key=" + apiKey, "content-type": "application/json" };
      await fetch(endpoint, { method: "POST", headers, body: JSON.stringify({ to: device.token }) });
      device.connect();
      device.disconnect();
      device.sendUpstream({});
      emulator.advance(1000);
      emulator.faults.http({ kind: "hang" });
      fetch(endpoint, { method: "POST", headers, body: "{}" }).catch(() => {});
      const events = await fetch(emulator.httpUrl + "/emulator/v1/events");
      events.text().catch(() => {});
      await emulator.close();
      console.log("closed");
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
    });
    expect(stdout).toBe("closed\n");
  });
});

describe("a device", () => {
  it("resolves a wait with what it receives, now or later", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    const { endpoint, apiKey } = emulator.httpOptions();
    const waiting = device.waitFor(({ data }) => data["n"] === "2");
    for (const n of ["1", "2"]) {
      await fetch(endpoint, {
        method: "POST",
        headers: { authorization: `key=${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify({ to: device.token, data: { n } }),
      });
    }
    expect(await waiting).toMatchObject({ data: { n: "2" } });
    expect(await device.waitFor(({ data }) => data["n"] === "1")).toMatchObject({ data: { n: "1" } });
  });

  it("is of no use any more once it is removed, and says so", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice({ connected: false });
    const { acked } = device.sendUpstream({});
    device.remove();
    device.remove();
    await expect(acked).rejects.toMatchObject({ result: "discarded" });
    for (const use of [
      () => device.connect(),
      () => device.reregister(),
      () => device.sendUpstream({}),
      () => device.installApp(),
      () => device.subscribe("news"),
    ]) {
      expect(use).toThrow(/not in the emulator any more/);
    }
    expect(emulator.devices).toEqual([]);
  });

  it("gives what a waiting function throws to the one who waits", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    const thrower = (): boolean => {
      throw new Error("wrong function");
    };
    const rejected = Promise.all(
      [device.waitFor(thrower), emulator.inbox.waitFor(thrower)].map((waiting) =>
        expect(waiting).rejects.toThrow("wrong function"),
      ),
    );
    const answer = await fetch(emulator.httpOptions().endpoint, {
      method: "POST",
      headers: { authorization: "key=k", "content-type": "application/json" },
      body: JSON.stringify({ to: device.token }),
    });
    expect(await answer.json()).toMatchObject({ success: 1 });
    await rejected;
    await expect(device.waitFor(thrower)).rejects.toThrow("wrong function");
  });

  it("can have several apps, each with its own token, on one phone", async () => {
    await using emulator = await startEmulator();
    const one = emulator.createDevice({ packageName: "com.example.one" });
    const two = one.installApp({ packageName: "com.example.two" });
    one.disconnect();
    expect(two.connected).toBe(false);
    expect(two.deviceId).toBe(one.deviceId);
    expect(two.token).not.toBe(one.token);
  });

  it.each([
    [{ token: "ABC" }, /token/],
    [{ senderId: "me" }, /senderId/],
    [{ senderIds: Array.from({ length: 101 }, (_, i) => String(i)) }, /senderIds/],
  ])("is refused with wrong options: %j", async (options, problem) => {
    await using emulator = await startEmulator();
    expect(() => emulator.createDevice(options)).toThrow(problem);
  });
});
