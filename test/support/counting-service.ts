import { once } from "node:events";
import { createServer } from "node:http";
import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { onTestFinished } from "vitest";

/** A service that accepts everything, and counts what it receives. */
export interface CountingService {
  /** Number of copies by token. */
  readonly copies: ReadonlyMap<string, number>;
  /** A transport to it. */
  transport(): DownstreamTransport;
}

/** Starts a service for the test that runs. */
export async function startCountingService(): Promise<CountingService> {
  const copies = new Map<string, number>();
  const service = createServer(async (incoming, response) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const { registration_ids: many, to } = JSON.parse(Buffer.concat(parts).toString());
    const tokens: string[] = many ?? [to];
    for (const token of tokens) copies.set(token, (copies.get(token) ?? 0) + 1);
    const results = tokens.map((_, n) => ({ message_id: `0:${n}` }));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ multicast_id: 1, success: results.length, failure: 0, canonical_ids: 0, results }));
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  onTestFinished(async () => {
    service.closeAllConnections();
    service.close();
    await once(service, "close");
  });
  const { port } = service.address() as { port: number };
  const endpoint = `http://127.0.0.1:${port}/gcm/send`;
  return { copies, transport: () => createGcmHttpTransport({ apiKey: "key", endpoint, allowInsecure: true }) };
}
