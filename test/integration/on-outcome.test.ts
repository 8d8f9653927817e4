import { createCcsClient } from "@cloud-messaging/ccs-client";
import type { SendAllOutcome, Sender } from "@cloud-messaging/core";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";
import { acceptAll, json, type Step, startFaultServer } from "../support/fault-server.ts";

const TOKENS = ["tok-a", "held", "tok-b"];

/** Sends to three tokens, one of which is not answered until the outcomes of the others were told. */
async function outcomesInOrder(sender: Pick<Sender, "send">, answerHeld: () => void): Promise<string[]> {
  const told: string[] = [];
  const onOutcome = ({ recipient, kind }: SendAllOutcome): void => {
    told.push(`${recipient} ${kind}`);
    if (told.length === 2) answerHeld();
  };
  await sender.send({ target: { tokens: TOKENS }, data: { n: "1" } }, { onOutcome });
  return told;
}

/** Answers each request, and the one to the held token only when told to. */
function heldAnswer(accepted: Step) {
  let answerHeld = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    answerHeld = resolve;
  });
  const step: Step = async (request, socket) => {
    if (String(request.body).includes("held")) await held;
    await accepted(request, socket);
  };
  return { step, answerHeld };
}

describe("onOutcome within one attempt of many requests", () => {
  it("has the outcomes of one GCM HTTP request before the answer of another", async () => {
    await using server = await startFaultServer();
    const { step, answerHeld } = heldAnswer(acceptAll());
    server.otherwise = step;
    const endpoint = `${server.origin}/fcm/send`;
    await using sender = createGcmSender({ endpoint, apiKey: "AIza-EXAMPLE", maxTokensPerRequest: 1 });
    const told = await outcomesInOrder(sender, answerHeld);
    expect(told.slice(0, 2).sort()).toEqual(["tok-a accepted", "tok-b accepted"]);
    expect(told.slice(2)).toEqual(["held accepted"]);
  });

  it("has the outcome of one FCM v1 message before the answer to another", async () => {
    await using server = await startFaultServer();
    const { step, answerHeld } = heldAnswer(json({ name: "projects/demo/messages/1" }));
    server.otherwise = step;
    const credential = async () => "ya29.t";
    await using sender = createFcmSender({ endpoint: server.origin, projectId: "demo", credential });
    const told = await outcomesInOrder(sender, answerHeld);
    expect(told.slice(0, 2).sort()).toEqual(["tok-a accepted", "tok-b accepted"]);
    expect(told.slice(2)).toEqual(["held accepted"]);
  });

  it("has the outcome of one CCS message before the ack of another", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const connection = await server.next();
    const acked = (to: string) => connection.ack(connection.messages.find((message) => message.to === to)?.id ?? "");
    const sending = outcomesInOrder(client, () => acked("held"));
    await connection.until(() => connection.messages.length === 3);
    acked("tok-b");
    acked("tok-a");
    expect(await sending).toEqual(["tok-b accepted", "tok-a accepted", "held accepted"]);
  });
});
