import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { subscribe } from "@cloud-messaging/core";
import { startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createFcmSender, createGcmSender, createTopics } from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => vi.unstubAllEnvs());

describe("CLOUD_MESSAGING_EMULATOR_HOST", () => {
  it("sends every HTTP sender that was given no endpoint to the emulator, and an event says so", async () => {
    await using emulator = await startEmulator();
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", new URL(emulator.httpUrl).host);
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, transport }) => notices.push(`${transport} ${notice}`));
    const device = emulator.createDevice();
    await using gcm = createGcmSender({ apiKey: "AIza-EXAMPLE" });
    await using fcm = createFcmSender({ credential: async () => ({ token: "real-token" }), projectId: "p" });
    await using bare = createFcmSender({});
    for (const sender of [gcm, fcm, bare]) {
      const { outcomes } = await sender.send({ target: { token: device.token }, data: { n: "1" } });
      expect(outcomes[0]?.kind).toBe("accepted");
    }
    await using topics = createTopics({ backend: "instance-id", apiKey: "AIza-EXAMPLE" });
    await topics.subscribe("news", [device.token]);
    expect(device.topics).toEqual(["news"]);
    await using groups = createDeviceGroups({ senderId: "1234567890", apiKey: "AIza-EXAMPLE" });
    expect((await groups.create("user-7", [device.token])).kind).not.toBe("rejected");
    stop();
    expect(device.received).toHaveLength(3);
    expect(new Set(notices)).toEqual(
      new Set(["gcm-http emulator", "fcm-v1 emulator", "topics emulator", "device-groups emulator"]),
    );
  });

  it.each([
    ["a placeholder", undefined, "emulator"],
    ["the key that the emulator asks for", "emulator-key", "emulator-key"],
  ])("sends %s and no real credential, and fetches none, for every client", async (_name, key, sent) => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization ?? "none");
      request.resume();
      response.end('{"results":[{"message_id":"1"}],"name":"n","notification_key":"k"}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", `127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_KEY", key);
    let fetched = 0;
    const credential = async () => {
      fetched++;
      return "ya29.REAL";
    };
    const account = { client_email: "a@b", private_key: "REAL", project_id: "p", token_uri: "https://127.0.0.1:1/" };
    const once = { retry: false } as const;
    const senders = [
      createGcmSender({ apiKey: "AIzaREAL", ...once }),
      createFcmSender({ credential, projectId: "p", ...once }),
      createFcmSender({ credential: account, httpVersion: "1.1", ...once }),
      createFcmSender({ credential: "/nonexistent/key.json", ...once }),
      createFcmSender({ credential: undefined as never, ...once }),
    ];
    for (const sender of senders) {
      const { outcomes } = await sender.send({ target: { token: "t" } });
      expect(outcomes[0]?.kind).toBe("accepted");
      await sender.close();
    }
    const managers = [
      createTopics({ backend: "instance-id", apiKey: "AIzaREAL", ...once }),
      createTopics({ backend: "instance-id", credential, ...once }),
      createTopics({ backend: "topic-subscriptions", credential: account, ...once }),
    ];
    for (const topics of managers) {
      await topics.subscribe("news", ["t"]);
      await topics.close();
    }
    for (const who of [{ apiKey: "AIzaREAL" }, { credential }]) {
      await using groups = createDeviceGroups({ senderId: "1", ...who, ...once });
      expect((await groups.create("n", ["t"])).kind).toBe("ok");
    }
    await new Promise((resolve) => server.close(resolve));
    expect(seen).toHaveLength(10);
    expect(new Set(seen)).toEqual(new Set([`key=${sent}`, `Bearer ${sent}`]));
    expect(fetched).toBe(0);
  });

  it("changes nothing for a sender that was given an endpoint", async () => {
    await using emulator = await startEmulator();
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", "127.0.0.1:1");
    await using sender = createGcmSender(emulator.httpOptions());
    const { outcomes } = await sender.send({ target: { token: emulator.createDevice().token } });
    expect(outcomes[0]?.kind).toBe("accepted");
  });

  it.each(["nonsense", "host", "http://127.0.0.1:1", "a b:1"])("is refused by name when it is %j", (value) => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", value);
    expect(() => createGcmSender({ apiKey: "AIza-EXAMPLE" })).toThrow(
      /CLOUD_MESSAGING_EMULATOR_HOST: must be host:port/,
    );
  });

  it.each(["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"])(
    "takes the project of %s, checked as the option is",
    async (name) => {
      const paths: string[] = [];
      const server = createServer((request, response) => {
        paths.push(request.url ?? "");
        request.resume();
        response.end('{"name":"projects/p/messages/1"}');
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", `127.0.0.1:${(server.address() as AddressInfo).port}`);
      for (const other of ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"]) vi.stubEnv(other, "");
      const pathOf = async (options: Parameters<typeof createFcmSender>[0]): Promise<string | undefined> => {
        await using sender = createFcmSender({ ...options, retry: false });
        await sender.send({ target: { token: "tok-a" } });
        return paths.pop();
      };
      const key = Buffer.from('{"type":"service_account","project_id":"of-the-key"}').toString("base64");
      try {
        vi.stubEnv(name, " demo\n");
        expect(await pathOf({})).toBe("/v1/projects/demo/messages:send");
        expect(await pathOf({ credential: key })).toBe("/v1/projects/of-the-key/messages:send");
        for (const value of ["..", "a/b", "demo?x=1", "dé"]) {
          vi.stubEnv(name, value);
          const problem = new RegExp(`${name}: must be a project ID or number`);
          expect(() => createFcmSender()).toThrow(problem);
          expect(() => createTopics({ backend: "topic-subscriptions", credential: async () => "t" })).toThrow(problem);
          // it is not read where an option or the key names the project
          expect(await pathOf({ projectId: "given" })).toBe("/v1/projects/given/messages:send");
          expect(await pathOf({ credential: key })).toBe("/v1/projects/of-the-key/messages:send");
        }
      } finally {
        server.close();
      }
    },
  );

  it("names the CA file it cannot read, for an emulator on another machine", async () => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", "emulator.internal:8095");
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HTTPS", "emulator.internal:8096");
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CA_FILE", "/nonexistent/ca.pem");
    expect(() => createGcmSender({ apiKey: "AIza-EXAMPLE" })).toThrow(/CLOUD_MESSAGING_EMULATOR_CA_FILE.*ENOENT/);
    const folder = await mkdtemp(join(tmpdir(), "ca-"));
    await using emulator = await startEmulator();
    writeFileSync(join(folder, "ca.pem"), emulator.caCertificate);
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CA_FILE", join(folder, "ca.pem"));
    await createGcmSender({ apiKey: "AIza-EXAMPLE" }).close();
    await rm(folder, { recursive: true });
  });
});
