import { readFile } from "node:fs/promises";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, type RecipientOutcome } from "@cloud-messaging/core";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";
import { acceptAll, answer, hang, json, rawThenReset, type Step, startFaultServer } from "../support/fault-server.ts";
import { retryAnnouncements } from "../support/retry-announcements.ts";

const MESSAGE = { target: { token: "tok-a" }, data: { n: "1" } };
const BAD_ARGUMENT = { error: { code: 400, message: "Invalid value at 'message.data'", status: "INVALID_ARGUMENT" } };
/** Every answer that leaves a doubt over HTTP. */
const HTTP_DOUBTS: readonly (readonly [title: string, step: Step, timesOut: boolean])[] = [
  ["no answer within the time limit", hang(), true],
  ["the connection is reset before an answer", rawThenReset(""), false],
  [
    "the connection is reset within a status 200",
    rawThenReset("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
    false,
  ],
  ["status 200, whole, not JSON", answer(200, "<html>it works</html>"), false],
  ["status 200, empty", answer(200, ""), false],
  ["status 200, whole, JSON of another kind", json([]), false],
];

interface Count {
  readonly copies: number;
  readonly outcome: RecipientOutcome;
}

async function countOver(
  transport: "gcm" | "fcm-v1",
  step: Step,
  { timesOut = false, maxResends }: { readonly timesOut?: boolean; readonly maxResends?: number } = {},
): Promise<Count> {
  await using server = await startFaultServer();
  const clock = createManualClock();
  server.otherwise = step;
  const shared = { clock, random: () => 0, ...(maxResends === undefined ? {} : { retry: { maxResends } }) };
  const sender =
    transport === "gcm"
      ? createGcmSender({ ...shared, endpoint: `${server.origin}/fcm/send`, apiKey: "AIza-EXAMPLE" })
      : createFcmSender({
          ...shared,
          endpoint: server.origin,
          projectId: "demo",
          quota: false,
          credential: async () => "ya29.t",
        });
  const announced = retryAnnouncements();
  const sending = sender.send(MESSAGE);
  for (let copies = 1; ; copies++) {
    await server.arrived(copies);
    if (timesOut) await clock.advance(30_000);
    const next = await Promise.race([sending, announced.next()]);
    if ("outcomes" in next) {
      announced.stop();
      const closing = sender.close();
      await clock.advance(60_000);
      await closing;
      return { copies: server.requests.length, outcome: next.outcomes[0] as RecipientOutcome };
    }
    await clock.advance(next.delayMs);
  }
}

interface CcsCount extends Count {
  readonly messageIds: number;
}

async function countOverCcs(doubt: "not answered" | "connection lost", timesLost = 0): Promise<CcsCount> {
  const clock = createManualClock();
  await using server = await startScriptedServer();
  const client = createCcsClient({ ...server.options(), clock, random: () => 0, ackTimeoutMs: 20_000 });
  const sending = client.send(MESSAGE);
  for (let copies = 1; ; copies++) {
    const connection = await Promise.race([server.next(), sending]);
    if ("outcomes" in connection) break;
    await connection.until(() => connection.messages.length > 0);
    if (doubt === "not answered") await clock.advance(20_000);
    else if (copies <= timesLost) connection.socket.destroy();
    else {
      connection.ackAll();
      break;
    }
  }
  const [outcome] = (await sending).outcomes;
  const ids = server.connections.flatMap(({ messages }) => messages.map(({ id }) => id));
  const closing = client.close();
  await clock.advance(60_000);
  await closing;
  return { copies: ids.length, messageIds: new Set(ids).size, outcome: outcome as RecipientOutcome };
}

describe("a message whose answer leaves a doubt", () => {
  it("reaches the service as often as the table in docs/retries.md says", async () => {
    const rows = ["| What the service does | GCM HTTP | FCM v1 |", "|---|---|---|"];
    for (const [title, step, timesOut] of HTTP_DOUBTS) {
      const counts = [await countOver("gcm", step, { timesOut }), await countOver("fcm-v1", step, { timesOut })];
      for (const { copies, outcome } of counts) {
        expect(copies, title).toBeLessThanOrEqual(2);
        expect(outcome, title).toMatchObject({ kind: "ambiguous", attempts: copies });
        expect(outcome.unansweredCopies, title).toBe(copies === 1 ? undefined : copies - 1);
      }
      rows.push(`| ${title} | ${counts.map(({ copies }) => `${copies}`).join(" | ")} |`);
    }
    const late = await countOverCcs("not answered");
    expect(late.outcome).toMatchObject({ kind: "ambiguous", code: "timeout", unansweredCopies: 1 });
    const lost = await countOverCcs("connection lost", 3);
    expect(lost.outcome).toMatchObject({ kind: "accepted", unansweredCopies: 3 });
    rows.push(
      "",
      "| What CCS does | Copies | Of them under another `message_id` |",
      "|---|---|---|",
      `| no ack within \`ackTimeoutMs\`, ever | ${late.copies} | ${late.messageIds - 1} |`,
      `| three connections lost behind the message, acked on the fourth | ${lost.copies} | ${lost.messageIds - 1} |`,
    );
    const docs = await readFile(new URL("../../docs/retries.md", import.meta.url), "utf8");
    expect(docs, `docs/retries.md is stale: its table has to be\n${rows.join("\n")}`).toContain(rows.join("\n"));
  });

  it("is sent again as often as maxResends says, and not at all with 0", async () => {
    for (const transport of ["gcm", "fcm-v1"] as const) {
      for (const maxResends of [0, 2]) {
        const { copies, outcome } = await countOver(transport, rawThenReset(""), { maxResends });
        expect(copies).toBe(maxResends + 1);
        expect(outcome.unansweredCopies).toBe(maxResends === 0 ? undefined : maxResends);
      }
    }
  });

  it.each<[word: string, transport: "gcm" | "fcm-v1", step: Step, kind: string]>([
    ["a final refusal", "gcm", answer(400, "bad"), "rejected"],
    ["an acceptance", "gcm", acceptAll(), "accepted"],
    ["a final refusal", "fcm-v1", answer(400, JSON.stringify(BAD_ARGUMENT)), "rejected"],
    ["an acceptance", "fcm-v1", json({ name: "projects/demo/messages/1" }), "accepted"],
  ])("is still said to be one when %s of the second copy follows, over %s", async (_, transport, step, kind) => {
    await using server = await startFaultServer();
    const clock = createManualClock();
    const shared = { clock, random: () => 0 };
    const sender =
      transport === "gcm"
        ? createGcmSender({ ...shared, endpoint: `${server.origin}/fcm/send`, apiKey: "AIza-EXAMPLE" })
        : createFcmSender({
            ...shared,
            endpoint: server.origin,
            projectId: "demo",
            quota: false,
            credential: async () => "ya29.t",
          });
    server.script(rawThenReset(""), step);
    const announced = retryAnnouncements();
    const sending = sender.send(MESSAGE);
    await clock.advance((await announced.next()).delayMs);
    announced.stop();
    expect((await sending).outcomes).toMatchObject([{ kind, attempts: 2, unansweredCopies: 1 }]);
    await sender.close();
  });
});
