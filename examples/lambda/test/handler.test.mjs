import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { startEmulator } from "@cloud-messaging/emulator";
import { startFunction, startProxy } from "./function.mjs";

const HOUR_MS = 3_600_000;

describe("the function", () => {
  let emulator;
  let phone;
  let proxy;
  let options;
  let lambda;
  beforeEach(async () => {
    emulator = await startEmulator();
    phone = emulator.createDevice();
    const { endpoint, ...rest } = emulator.fcmOptions();
    const address = new URL(endpoint);
    proxy = await startProxy(Number(address.port));
    address.port = String(proxy.port);
    options = { ...rest, endpoint: address.href, retry: { initialMs: 20, minMs: 20, maxAttempts: 2 } };
    lambda = await startFunction(options);
  });
  afterEach(async () => {
    lambda.kill();
    proxy.close();
    await emulator.close();
  });

  const record = (messageId, body = JSON.stringify({ target: { token: phone.token }, data: { of: messageId } })) => ({
    messageId,
    body,
  });
  const received = () => phone.received.map(({ data }) => data.of);

  it("sends a batch, leaves nothing open, and sends the next one", async () => {
    for (const batch of [["1", "2", "3"], ["4"]]) {
      const { result, before, after } = await lambda.invoke(batch.map((id) => record(id)));
      assert.deepEqual(result, { batchItemFailures: [] });
      assert.deepEqual(after, before);
      await proxy.empty();
    }
    assert.deepEqual(received().sort(), ["1", "2", "3", "4"]);
  });

  it("sends after it was frozen for an hour, in which its access token has expired and the clock has jumped", async () => {
    await lambda.invoke([record("1")]);
    await lambda.freeze();
    emulator.fcm.expireTokens();
    emulator.advance(HOUR_MS);
    lambda.thaw();
    assert.deepEqual((await lambda.invoke([record("2")], { aheadMs: HOUR_MS })).result, { batchItemFailures: [] });
    assert.deepEqual(received(), ["1", "2"]);
  });

  it("sends although it was frozen in the middle of a request, whose connection the server has closed meanwhile", async () => {
    emulator.faults.http({ kind: "hang", endpoint: "fcm-v1" });
    const answer = lambda.invoke([record("1")]);
    while (emulator.faults.armed.length > 0) await new Promise(setImmediate);
    await lambda.freeze();
    assert.ok(proxy.cut() > 0);
    lambda.thaw();
    assert.deepEqual((await answer).result, { batchItemFailures: [] });
    assert.deepEqual(received(), ["1"]);
  });

  it("has the queue deliver again what may be accepted later, and nothing else", async () => {
    emulator.faults.next({ token: phone.token, error: "unavailable", times: 9 });
    const { result } = await lambda.invoke([
      record("later"),
      record("gone", JSON.stringify({ target: { token: "no-such-token" } })),
      record("no message", '{"data":{}}'),
      record("no JSON", "{"),
      record("several", JSON.stringify({ target: { tokens: [emulator.createDevice().token, phone.token] } })),
    ]);
    assert.deepEqual(result, { batchItemFailures: [{ itemIdentifier: "later" }] });
    for (const id of ["gone", "no message", "no JSON", "several"])
      assert.match(lambda.printed(), new RegExp(`"messageId":"${id}"`));
  });

  it("has the queue deliver again the record alone whose send has thrown, and not those that were accepted", async () => {
    lambda.kill();
    lambda = await startFunction({ ...options, maxWaiting: 1 });
    const { result } = await lambda.invoke([record("1"), record("2")]);
    assert.deepEqual(result, { batchItemFailures: [{ itemIdentifier: "2" }] });
    assert.deepEqual(received(), ["1"]);
  });
});
