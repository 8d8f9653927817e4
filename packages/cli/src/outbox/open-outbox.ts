import {
  createOutbox,
  loadOptionalPackage,
  type Outbox,
  type OutboxEncryption,
  type OutboxEngine,
} from "@cloud-messaging/core/transport";
import { UsageError } from "../exit-status.ts";
import type { OptionValues } from "../line/command.ts";
import { file, text } from "../line/options.ts";
import { readTextFile } from "../service/files.ts";
import { openPostgres, openRedis, readStorageUrl } from "../storage/drivers.ts";

/** Options that name an outbox. */
export const OUTBOX_OPTIONS = {
  outbox: text(
    "URL",
    "outbox: lmdb:FOLDER, postgres://…?schema=NAME or redis://…?prefix=NAME (default: the variable CLOUD_MESSAGING_OUTBOX_URL)",
  ),
  encryptionKeys: file('keys of an encrypted outbox: {"current":"ID","keys":{"ID":"32 bytes in base64"}}'),
};

/**
 * Opens the outbox that the option or the variable names, to look after it: without a transport.
 *
 * @param lane Lane of what is stored: one of the workers', which this program does not know.
 * @throws {UsageError} there is none, or its URL cannot be used. @throws {MissingPackageError} its package is not installed.
 */
export async function withOutbox<T>(
  options: OptionValues<typeof OUTBOX_OPTIONS>,
  work: (outbox: Outbox) => Promise<T>,
  lane?: string,
): Promise<T> {
  const encryption = await readKeys(options.encryptionKeys);
  const { engine, close } = await openEngine(options.outbox);
  try {
    const lanes = lane === undefined ? {} : { lanes: { [lane]: 1 } };
    const outbox = createOutbox({ engine, ...lanes, ...(encryption === undefined ? {} : { encryption }) });
    try {
      return await work(outbox);
    } finally {
      await outbox.close();
    }
  } finally {
    await close();
  }
}

async function openEngine(given: string | undefined): Promise<{ engine: OutboxEngine; close(): Promise<void> }> {
  const url = readStorageUrl(given, "--outbox", "CLOUD_MESSAGING_OUTBOX_URL");
  if (url.kind === "lmdb") {
    const { createEmbeddedEngine } = await loadOptionalPackage(
      "@cloud-messaging/outbox",
      () => import("@cloud-messaging/outbox"),
    );
    return { engine: createEmbeddedEngine({ path: url.path }), close: async () => {} };
  }
  if (url.kind === "postgres") {
    const { createPostgresEngine } = await loadOptionalPackage(
      "@cloud-messaging/outbox-postgres",
      () => import("@cloud-messaging/outbox-postgres"),
    );
    const pool = await openPostgres(url.address);
    const engine = createPostgresEngine({ pool, ...(url.name === undefined ? {} : { schema: url.name }) });
    // nothing is enqueued here, and so no client of a transaction is passed on
    return { engine: engine as unknown as OutboxEngine, close: () => pool.end() };
  }
  const { createBullmqEngine } = await loadOptionalPackage(
    "@cloud-messaging/outbox-bullmq",
    () => import("@cloud-messaging/outbox-bullmq"),
  );
  const client = await openRedis(url.address);
  const engine = createBullmqEngine({ client, ...(url.name === undefined ? {} : { prefix: url.name }) });
  return { engine, close: async () => client.disconnect() };
}

async function readKeys(path: string | undefined): Promise<OutboxEncryption | undefined> {
  if (path === undefined) return undefined;
  const wrong = (): never => {
    throw new UsageError('--encryption-keys: the file must hold {"current":"ID","keys":{"ID":"32 bytes in base64"}}');
  };
  const text = await readTextFile(path, "--encryption-keys");
  let value: { readonly current?: unknown; readonly keys?: unknown } | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return wrong();
  }
  const { current, keys } = value ?? {};
  if (typeof current !== "string" || typeof keys !== "object" || keys === null) return wrong();
  return {
    current,
    keys: Object.fromEntries(Object.entries(keys).map(([id, key]) => [id, Buffer.from(String(key), "base64")])),
  };
}
