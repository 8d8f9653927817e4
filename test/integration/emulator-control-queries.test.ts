import { request } from "node:http";
import { networkInterfaces } from "node:os";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createFcmSender, createGcmSender, createTopics } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";

interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of any shape, looked at field by field
  readonly json: any;
}

/** Calls the control API, under any host name. */
function api(
  { httpUrl }: Pick<Emulator, "httpUrl">,
  method: string,
  path: string,
  { body = "", host }: { body?: string; host?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `${httpUrl}/emulator/v1${path}`;
    const headers = { "content-length": Buffer.byteLength(body), ...(host === undefined ? {} : { host }) };
    const asking = request(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const json = text.startsWith("{") ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode ?? 0, text, json });
      });
    });
    asking.on("error", reject).end(body);
  });
}

async function withMessages(): Promise<Emulator> {
  const emulator = await startEmulator();
  for (const token of ["token-a", "token-b", "token-a"]) {
    if (emulator.deviceOf(token) === undefined) emulator.createDevice({ token });
    await fetch(emulator.httpOptions().endpoint, {
      method: "POST",
      headers: { authorization: "key=k", "content-type": "application/json" },
      body: JSON.stringify({ to: token, notification: { title: `for ${token}` } }),
    });
  }
  return emulator;
}
const ids = ({ inbox }: Emulator): number[] => inbox.messages.map(({ id }) => id);

describe("a query of the control API", () => {
  it("with a name that the call does not have is refused by that name, at every call, and nothing is done", async () => {
    await using emulator = await withMessages();
    const { json } = await api(emulator, "GET", "/openapi.json");
    const calls = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path.replace(/\{\w+\}/g, "1")] as const),
    );
    expect(calls.length).toBeGreaterThan(35);
    for (const [method, path] of calls) {
      for (const name of ["too", "__proto__", "constructor"]) {
        const answer = await api(emulator, method, `${path}?${name}=token-a`);
        expect([method, path, answer.status]).toEqual([method, path, 400]);
        expect(answer.json.problems).toMatchObject([
          { path: name, problem: expect.stringMatching(/is not a parameter of this call/) },
        ]);
      }
    }
    expect(ids(emulator)).toEqual([1, 2, 3]);
    expect(emulator.devices).toHaveLength(2);
  });

  it.each([
    ["GET", "/messages?limit=x", "limit"],
    ["GET", "/messages?limit=0", "limit"],
    ["GET", "/messages?limit=1001", "limit"],
    ["GET", "/messages?before=1e3", "before"],
    ["GET", "/messages?state=deliverd", "state"],
    ["GET", "/messages/latest?protocol=smtp", "protocol"],
    ["GET", "/messages/latest?limit=1", "limit"],
    ["DELETE", "/messages?to=", "to"],
    ["DELETE", "/messages?search=", "search"],
    ["DELETE", "/messages?to=token-a&to=token-b", "to"],
    ["DELETE", "/messages?limit=1", "limit"],
  ])("%s %s is refused by the name of %s", async (method, path, name) => {
    await using emulator = await withMessages();
    const { status, json } = await api(emulator, method, path);
    expect(status).toBe(400);
    expect(json.problems).toMatchObject([{ path: name }]);
    expect(ids(emulator)).toEqual([1, 2, 3]);
  });

  it.each([
    ["POST", "/reset", '{"only":"faults"}'],
    ["DELETE", "/messages", '{"to":"token-a"}'],
    ["DELETE", "/devices/token-a", "x"],
  ])("cannot be a body either: %s %s takes none", async (method, path, body) => {
    await using emulator = await withMessages();
    const { status, json } = await api(emulator, method, path, { body });
    expect([status, json.error]).toEqual([400, "this call takes no body"]);
    expect(ids(emulator)).toEqual([1, 2, 3]);
    expect(emulator.devices).toHaveLength(2);
  });
});

describe("deleting captured messages", () => {
  it.each([
    ["/messages?to=token-a", 2, [2]],
    ["/messages?search=FOR%20token-b", 1, [1, 3]],
    ["/messages?before=3", 2, [3]],
    ["/messages?before=3&to=token-b", 1, [1, 3]],
    ["/messages?state=rejected", 0, [1, 2, 3]],
    ["/messages", 3, []],
  ])("by DELETE %s deletes %i", async (path, deleted, left) => {
    await using emulator = await withMessages();
    const { status, json } = await api(emulator, "DELETE", path);
    expect([status, json]).toEqual([200, { deleted }]);
    expect(ids(emulator)).toEqual(left);
  });

  it("one by one, by its ID alone", async () => {
    await using emulator = await withMessages();
    expect((await api(emulator, "DELETE", "/messages/3")).status).toBe(204);
    for (const id of ["3", "99", "0x1", "1e0", "latest", "-1"]) {
      expect([id, (await api(emulator, "DELETE", `/messages/${id}`)).status]).toEqual([id, 404]);
    }
    expect(ids(emulator)).toEqual([1, 2]);
    expect((await api(emulator, "GET", "/messages/latest")).json.id).toBe(2);
    expect(emulator.inbox.total).toBe(3);
  });

  it("leaves alone what waits for a device", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ token: "token-a", connected: false });
    await fetch(emulator.httpOptions().endpoint, {
      method: "POST",
      headers: { authorization: "key=k", "content-type": "application/json" },
      body: '{"to":"token-a","data":{"n":"1"}}',
    });
    await api(emulator, "DELETE", "/messages?to=token-a");
    phone.connect();
    expect(phone.received).toMatchObject([{ data: { n: "1" } }]);
    expect(ids(emulator)).toEqual([]);
  });
});

describe("reset over the control API", () => {
  it("answers with the time, which stays as far ahead as it was moved", async () => {
    await using emulator = await startEmulator();
    emulator.advance(86_400_000);
    const before = emulator.now();
    const { status, json } = await api(emulator, "POST", "/reset");
    expect(status).toBe(200);
    expect(json.now).toBeGreaterThanOrEqual(before);
    expect(json.now).toBeLessThan(before + 60_000);
  });
});

describe("addresses handed out", () => {
  it("name the host and port that were asked", async () => {
    await using emulator = await startEmulator({ certificateNames: ["push.example.com"] });
    const https = new URL(emulator.httpsUrl ?? "").port;
    for (const [host, name] of [
      ["push.example.com:18095", "push.example.com"],
      ["localhost", "localhost"],
      ["[::1]:1", "[::1]"],
    ] as const) {
      const about = (await api(emulator, "GET", "/", { host })).json;
      expect(about).toMatchObject({ http: `http://${host}`, https: `https://${name}:${https}` });
      expect(about.ccs).toMatchObject({ host: name.replace(/[[\]]/g, ""), port: emulator.ccs.port });
      const account = (await api(emulator, "GET", "/service-account", { host })).json;
      expect(account.token_uri).toBe(`https://${name}:${https}/token`);
      const { servers } = (await api(emulator, "GET", "/openapi.json", { host })).json;
      expect(servers).toEqual([{ url: `http://${host}/emulator/v1` }]);
    }
  });

  const lan = Object.values(networkInterfaces())
    .flatMap((list = []) => list)
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

  it.runIf(lan !== undefined).each([undefined, false] as const)(
    "in code work with this SDK's senders when the emulator listens on a LAN address (HTTPS port %s)",
    async (httpsPort) => {
      await using emulator = await startEmulator({
        host: lan ?? "",
        ...(httpsPort === undefined ? {} : { httpsPort }),
      });
      const phone = emulator.createDevice();
      const message = { target: { token: phone.token }, data: {} };
      await using gcm = createGcmSender(emulator.httpOptions());
      await using fcm = createFcmSender(emulator.fcmOptions());
      expect((await gcm.send(message)).outcomes[0]?.kind).toBe("accepted");
      expect((await fcm.send(message)).outcomes[0]?.kind).toBe("accepted");
      const { httpUrl: endpoint } = emulator;
      const { endpoint: _send, ...rest } = emulator.httpOptions();
      await using topics = createTopics({ ...rest, endpoint, backend: "instance-id" });
      expect((await topics.subscribe("news", [phone.token])).outcomes).toHaveLength(1);
      await using groups = createDeviceGroups({ ...rest, endpoint, senderId: "1234567890" });
      await groups.create("mine", [phone.token]);
    },
  );

  it.runIf(lan !== undefined)("can be verified under every address when the emulator listens on all", async () => {
    await using emulator = await startEmulator({ host: "0.0.0.0" });
    const { json } = await api({ httpUrl: emulator.httpUrl.replace("127.0.0.1", lan ?? "") }, "GET", "/");
    expect(json.https).toBe((emulator.httpsUrl ?? "").replace("127.0.0.1", lan ?? ""));
    const account = emulator.fcm.serviceAccount();
    await using fcm = createFcmSender({
      endpoint: json.https,
      tls: { ca: emulator.caCertificate },
      credential: { ...account, token_uri: `${json.https}/token` },
    });
    const phone = emulator.createDevice();
    const report = await fcm.send({ target: { token: phone.token }, data: {} });
    expect(report.outcomes[0]?.kind).toBe("accepted");
  });
});
