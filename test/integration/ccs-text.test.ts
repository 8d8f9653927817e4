import { createCcsClient } from "@cloud-messaging/ccs-client";
import type { UpstreamMessage } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { gcmStanza, startScriptedServer, upstreamStanza } from "../support/ccs-scripted-server.ts";

/** Emoji with a joiner and a skin tone, CJK from inside and outside the basic plane, combining marks, and what XML cares about. */
const DATA = {
  emoji: "👩🏽‍🚀😀",
  cjk: "漢字𠮷",
  combining: "Zalgo e\u0301 n\u0303",
  markup: `<&>"' ]]>`,
  controls: "\u0000\u001f\u007f\u0085\u2028\ufffe\uffff",
};

describe("text of every script", () => {
  it("comes through upstream with the stream cut at every byte position", async () => {
    const seen: UpstreamMessage[] = [];
    await using server = await startScriptedServer();
    await using client = createCcsClient({
      ...server.options(),
      onUpstream: (message) => {
        seen.push(message);
      },
    });
    const connection = await server.next();
    await client.ready();
    const stanza = (id: number): string =>
      upstreamStanza({ data: DATA, from: "tok-ü", message_id: `é${id}`, category: "c" });
    const bytes = Buffer.byteLength(stanza(1_000));
    for (let cut = 1; cut < bytes; cut++) {
      const data = Buffer.from(stanza(1_000 + cut));
      // each write is a TLS record of its own, and so at least a chunk of its own
      connection.write(data.subarray(0, cut));
      await new Promise<void>((resolve) => connection.socket.write(data.subarray(cut), () => resolve()));
    }
    await connection.writeInPieces(stanza(9_999), 1);
    await connection.until(() => connection.acks.length === bytes);
    expect(seen).toHaveLength(bytes);
    for (const { data, from } of seen) {
      expect(data).toEqual(DATA);
      expect(from).toBe("tok-ü");
    }
    expect(connection.acks[0]).toEqual({ id: "é1001", to: "tok-ü" });
  });

  it("comes through downstream, and its answer back, cut at every byte position", async () => {
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const connection = await server.next();
    const answer = (id: string): string =>
      gcmStanza({
        message_type: "nack",
        message_id: id,
        error: "INVALID_JSON",
        error_description: DATA.emoji + DATA.markup,
      });
    const template = { target: { token: "tok" }, data: DATA };
    const bytes = Buffer.byteLength(answer("m-1000"));
    for (let cut = 1; cut < bytes; cut++) {
      const id = `m-${1_000 + cut}`;
      const sending = client.send({ ...template, messageId: id });
      await connection.until(() => connection.messages.length === cut);
      expect(connection.messages[cut - 1]?.json["data"]).toEqual(DATA);
      const data = Buffer.from(answer(id));
      connection.write(data.subarray(0, cut));
      connection.write(data.subarray(cut));
      expect((await sending).outcomes).toMatchObject([
        { kind: "rejected", service: { error: "INVALID_JSON", description: DATA.emoji + DATA.markup } },
      ]);
    }
  });

  it("reads the same login in pieces of one byte", async () => {
    await using server = await startScriptedServer();
    const { script } = server;
    server.script = (connection) => {
      const write = connection.write.bind(connection);
      connection.write = (text) => {
        for (const byte of Buffer.from(text)) write(Buffer.of(byte));
      };
      return script(connection);
    };
    await using client = createCcsClient(server.options());
    await client.ready();
    expect(server.connections).toHaveLength(1);
  });
});
