import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { type Emulator, type HttpFault, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

/** One request of a session: status and text, or the code that the stream was reset with. */
async function ask(
  session: ClientHttp2Session,
  path: string,
  body: string,
  headers: Record<string, string> = {},
  method = "POST",
): Promise<{ readonly status?: number | undefined; readonly text: string; readonly reset: number }> {
  const stream = session.request({ ":method": method, ":path": path, authorization: "key=k", ...headers });
  stream.on("error", () => {});
  let status: number | undefined;
  let text = "";
  stream.on("response", (answer: IncomingHttpHeaders & { ":status"?: number }) => {
    status = answer[":status"];
  });
  stream.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  stream.end(body);
  await new Promise((resolve) => stream.once("close", resolve));
  return { status, text, reset: stream.rstCode };
}

async function open(emulator: Emulator): Promise<ClientHttp2Session> {
  const session = connect(emulator.httpsUrl ?? "", { ca: emulator.caCertificate });
  session.on("error", () => {});
  await once(session, "remoteSettings");
  return session;
}

describe("a POST over HTTP/2 with neither content-type nor content-length", () => {
  it("keeps its body at every endpoint", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const session = await open(emulator);
    const bearer = { authorization: "Bearer x" };
    const group = { project_id: "1234567890" };
    const list = (topic: string): string => JSON.stringify({ to: topic, registration_tokens: [phone.token] });
    const members = { operation: "create", notification_key_name: "g", registration_ids: [phone.token] };
    const answers = [
      await ask(session, "/fcm/send", `registration_id=${phone.token}&data.n=1`),
      await ask(session, "/v1/projects/p/messages:send", `{"message":{"token":"${phone.token}"}}`, bearer),
      await ask(session, "/token", "grant_type=refresh_token&refresh_token=r"),
      await ask(session, "/gcm/notification", JSON.stringify(members), group),
      await ask(session, "/iid/v1:batchAdd", list("/topics/news")),
      await ask(session, "/emulator/v1/devices", '{"name":"by hand"}'),
      await ask(session, `/emulator/v1/devices/${phone.id}`, '{"connected":false}', {}, "PATCH"),
    ];
    session.close();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 201, 200]);
    expect(phone.received).toHaveLength(2);
    expect(phone.received[0]?.data).toEqual({ n: "1" });
    expect(phone.topics).toEqual(["news"]);
    expect(phone.connected).toBe(false);
    expect(answers[2]?.text).toContain("access_token");
    expect(answers[3]?.text).toContain("notification_key");
    expect(answers[5]?.text).toContain('"by hand"');
  });

  it("is read whole when it comes in pieces", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const session = await open(emulator);
    const stream = session.request({ ":method": "POST", ":path": "/fcm/send", authorization: "key=k" });
    stream.write(`registration_id=${phone.token}`);
    stream.write("&data.a=");
    stream.end("x".repeat(3000));
    stream.resume();
    await once(stream, "close");
    session.close();
    expect(phone.received[0]?.data["a"]).toHaveLength(3000);
  });
});

describe("faults of HTTP/2", () => {
  async function world(...faults: HttpFault[]) {
    const emulator = await startEmulator();
    const phone = emulator.createDevice();
    for (const fault of faults) emulator.faults.http(fault);
    const session = await open(emulator);
    const send = () => ask(session, "/fcm/send", `registration_id=${phone.token}`);
    return { emulator, phone, session, send, [Symbol.asyncDispose]: () => emulator.close() };
  }

  it("GOAWAY after so many requests answers what came, and nothing after it", async () => {
    await using it = await world({ kind: "goaway", after: 2 });
    const away = once(it.session, "goaway");
    expect([(await it.send()).status, (await it.send()).status, (await it.send()).status]).toEqual([200, 200, 200]);
    expect((await away)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    expect(it.session.closed || it.session.destroyed).toBe(true);
    expect(it.phone.received).toHaveLength(3);
  });

  it("GOAWAY that names an earlier stream leaves the request unprocessed", async () => {
    await using it = await world({ kind: "goaway", after: 1, accept: false });
    expect((await it.send()).status).toBe(200);
    const { status, reset } = await it.send();
    expect({ status, reset }).toEqual({ status: undefined, reset: constants.NGHTTP2_REFUSED_STREAM });
    expect(it.phone.received).toHaveLength(1);
  });

  it("REFUSED_STREAM resets one stream and leaves the session as it is", async () => {
    await using it = await world({ kind: "refuse-stream", after: 1, times: 2 });
    const answers = [await it.send(), await it.send(), await it.send(), await it.send()];
    expect(answers.map(({ status }) => status)).toEqual([200, undefined, undefined, 200]);
    expect(answers.map(({ reset }) => reset)).toEqual([0, 7, 7, 0]);
    expect(it.phone.received).toHaveLength(2);
    it.session.close();
  });

  it("a reset after the body takes the answer's end away", async () => {
    await using it = await world({ kind: "reset-after-body", accept: true });
    const { status, text, reset } = await it.send();
    expect({ status, reset }).toEqual({ status: 200, reset: constants.NGHTTP2_INTERNAL_ERROR });
    expect(text).toMatch(/^id=/);
    expect(it.phone.received).toHaveLength(1);
    it.session.close();
  });

  it("SETTINGS lower the number of streams, and the request is answered", async () => {
    await using it = await world({ kind: "lower-streams", streams: 2 });
    const lowered = once(it.session, "remoteSettings");
    expect((await it.send()).status).toBe(200);
    await lowered;
    expect(it.session.remoteSettings.maxConcurrentStreams).toBe(2);
    expect((await Promise.all([it.send(), it.send(), it.send()])).map(({ status }) => status)).toEqual([200, 200, 200]);
    it.session.close();
  });

  it("a session that closes in mid-batch takes every stream of it along", async () => {
    await using it = await world({ kind: "hang", times: 3 }, { kind: "close-session", after: 3 });
    const answers = await Promise.all([it.send(), it.send(), it.send(), it.send()]);
    expect(answers.map(({ status }) => status)).toEqual([undefined, undefined, undefined, undefined]);
    expect(it.session.destroyed).toBe(true);
    expect(it.phone.received).toHaveLength(0);
  });

  it("wait for a request over HTTP/2", async () => {
    await using it = await world({ kind: "refuse-stream" });
    const overHttp1 = await fetch(`${it.emulator.httpUrl}/fcm/send`, {
      method: "POST",
      headers: { authorization: "key=k" },
      body: new URLSearchParams({ registration_id: it.phone.token }),
    });
    expect(overHttp1.status).toBe(200);
    expect((await it.send()).reset).toBe(constants.NGHTTP2_REFUSED_STREAM);
    it.session.close();
  });
});

describe("HTTP faults after so many requests", () => {
  it("count every request at their endpoint, of faults that strike before them too", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    emulator.faults.nextRequest({ status: 503, after: 1 });
    emulator.faults.nextRequest({ status: 500, after: 3, times: 2 });
    emulator.faults.http({ kind: "html", after: 6, endpoint: "gcm-http" });
    const statuses: string[] = [];
    for (let i = 0; i < 8; i++) {
      const answer = await fetch(`${emulator.httpUrl}/fcm/send`, {
        method: "POST",
        headers: { authorization: "key=k" },
        body: new URLSearchParams({ registration_id: phone.token }),
      });
      statuses.push((await answer.text()).startsWith("<html><body><h1>") ? "page" : String(answer.status));
    }
    expect(statuses).toEqual(["200", "503", "200", "500", "500", "200", "page", "200"]);
  });

  it("can be armed over the control API, and are refused by the name of the field", async () => {
    await using emulator = await startEmulator();
    const arm = async (body: unknown): Promise<[number, string]> => {
      const answer = await fetch(`${emulator.httpUrl}/emulator/v1/faults`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      return [answer.status, await answer.text()];
    };
    expect(await arm({ kind: "http", fault: "goaway", after: 100 })).toEqual([
      201,
      expect.stringContaining("HTTP goaway after 100 requests"),
    ]);
    expect(await arm({ kind: "http", fault: "lower-streams", streams: 1 })).toEqual([201, expect.anything()]);
    expect(await arm({ kind: "request", status: 503, after: 1 })).toEqual([
      201,
      expect.stringContaining("HTTP 503 after 1 request"),
    ]);
    expect(await arm({ kind: "http", fault: "goaway", after: -1 })).toEqual([400, expect.stringContaining("after")]);
    expect(() => emulator.faults.http({ kind: "lower-streams", streams: 1.5 })).toThrow(
      /streams: must be a whole number/,
    );
    expect(() => emulator.faults.nextRequest({ status: 503, after: -1 })).toThrow(/after: must be a whole number/);
  });
});

describe("/fcm/send with an access token", () => {
  it("takes it beside access_token_auth: true, and nowhere else", async () => {
    await using emulator = await startEmulator({ apiKeys: ["key"] });
    const phone = emulator.createDevice();
    const send = async (path: string, headers: Record<string, string>): Promise<number> => {
      const answer = await fetch(`${emulator.httpUrl}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ to: phone.token }),
      });
      return answer.status;
    };
    const bearer = { authorization: "Bearer ya29.x" };
    expect(await send("/fcm/send", { ...bearer, access_token_auth: "true" })).toBe(200);
    expect(await send("/fcm/send", bearer)).toBe(401);
    expect(await send("/fcm/send", { ...bearer, access_token_auth: "false" })).toBe(401);
    expect(await send("/gcm/send", { ...bearer, access_token_auth: "true" })).toBe(401);
    expect(await send("/fcm/send", { authorization: "key=key", access_token_auth: "true" })).toBe(200);
    emulator.fcm.acceptForeignTokens = false;
    expect(await send("/fcm/send", { ...bearer, access_token_auth: "true" })).toBe(401);
    expect(phone.received).toHaveLength(2);
  });
});
