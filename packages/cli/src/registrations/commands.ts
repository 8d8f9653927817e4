import { createReadStream } from "node:fs";
import {
  audience,
  InvalidRegistrationError,
  prune,
  type Registration,
  type RegistrationStore,
} from "@cloud-messaging/core";
import { EXIT_STATUS, UsageError } from "../exit-status.ts";
import { type Command, defineCommand, type OptionValues } from "../line/command.ts";
import { duration, file, flag, text } from "../line/options.ts";
import { linesOf, unreadableFile } from "../service/files.ts";
import { openStore, STORE_OPTION } from "./open-store.ts";
import { type RegistrationRow, readRow, toRow } from "./rows.ts";

/** Registrations of different users that are written at once: where the store is on a disk, they share a transaction. */
const BATCH = 64;

const importRows: Command = defineCommand({
  name: "registrations import",
  summary: "register the users and tokens of a file, one JSON object per line",
  notes:
    'A line: {"userId":"ada","token":"…","platform":"android"}; also appVersion, locale, attributes, owner. Times are not imported: each\nregistration is new to the store. Ends at the first line that is wrong; what was before it is stored.',
  options: { file: file("file to read, - for standard input (default: standard input)"), ...STORE_OPTION },
  examples: ["cloud-messaging registrations import --file registrations.ndjson --store lmdb:./registrations"],
  run: (context, options) =>
    withStore(options, async (store) => {
      const { output, signal } = context;
      const { file: path = "-" } = options;
      let done = 0;
      let line = 0;
      let batch: RegistrationRow[] = [];
      const flush = async (): Promise<void> => {
        await Promise.all(batch.map(({ userId, token, ...details }) => store.register(userId, token, details)));
        done += batch.length;
        batch = [];
        output.progress(() => `${done} registrations`);
      };
      try {
        for await (const row of linesOf(path === "-" ? context.stdin : createReadStream(path))) {
          line++;
          if (signal.aborted) break;
          if (row.trim() === "") continue;
          const read = readRow(row, line);
          // in order within a user and of a token: the latest registration decides
          if (batch.some(({ token, userId }) => token === read.token || userId === read.userId)) await flush();
          batch.push(read);
          if (batch.length >= BATCH) await flush();
        }
        await flush();
      } catch (error) {
        if (error instanceof InvalidRegistrationError) throw new UsageError(`Lines up to ${line}: ${error.message}`);
        throw fileError(error, path);
      } finally {
        output.note(`${done} registrations imported`);
      }
      return EXIT_STATUS.done;
    }),
});

const exportRows: Command = defineCommand({
  name: "registrations export",
  summary: "write all registrations, one JSON object per line",
  options: {
    platform: text("NAME", "registrations of this platform only"),
    seenWithin: duration("registrations whose app was seen within this time"),
    ...STORE_OPTION,
  },
  examples: ["cloud-messaging registrations export --store lmdb:./registrations > registrations.ndjson"],
  run: ({ output, signal, clock }, options) =>
    withStore(options, async (store) => {
      const { platform, seenWithin } = options;
      const all = audience(store, {
        ...(platform === undefined ? {} : { platform }),
        ...(seenWithin === undefined ? {} : { seenSince: clock.now() - seenWithin }),
      });
      let count = 0;
      for await (const registration of all) {
        if (signal.aborted) break;
        await output.line(JSON.stringify(toRow(registration)));
        count++;
        output.progress(() => `${count} registrations`);
      }
      output.note(`${count} registrations exported`);
      return EXIT_STATUS.done;
    }),
});

const pruneRows: Command = defineCommand({
  name: "registrations prune",
  summary: "remove registrations whose app was not seen for long, and write them",
  options: {
    unseenFor: duration("time since the app was seen, such as 270d; needed"),
    dryRun: flag("write what would be removed, and remove nothing"),
    ...STORE_OPTION,
  },
  examples: ["cloud-messaging registrations prune --unseen-for 270d --dry-run --store lmdb:./registrations"],
  run: ({ output, signal, clock }, { unseenFor, dryRun = false, ...options }) =>
    withStore(options, async (store) => {
      if (unseenFor === undefined) throw new UsageError("--unseen-for DURATION is needed, such as 270d");
      let count = 0;
      for await (const registration of prune(store, { unseenForMs: unseenFor, dryRun, clock })) {
        await output.line(JSON.stringify(toRow(registration)));
        count++;
        output.progress(() => `${count} registrations`);
        if (signal.aborted) break;
      }
      output.note(`${count} registrations ${dryRun ? "would be removed" : "removed"}`);
      return EXIT_STATUS.done;
    }),
});

const show: Command = defineCommand({
  name: "registrations show",
  summary: "show the registrations of a user",
  arguments: "<user>",
  options: STORE_OPTION,
  examples: ["cloud-messaging registrations show ada --store lmdb:./registrations"],
  run: ({ output }, options, [user = ""]) =>
    withStore(options, async (store) => {
      const registrations = await store.registrationsOf(user);
      if (output.json) await output.line(JSON.stringify({ registrations: registrations.map(toRow) }));
      else await output.table(["TOKEN", "PLATFORM", "LAST SEEN", "DOUBT"], registrations.map(rowOf));
      if (registrations.length > 0) return EXIT_STATUS.done;
      output.note("The user has no registration");
      return EXIT_STATUS.failed;
    }),
});

/** All commands about registrations. */
export const registrations: readonly Command[] = [importRows, exportRows, pruneRows, show];

function rowOf({ token, platform = "", lastSeenAt, suspicion }: Registration): string[] {
  return [
    token,
    platform,
    new Date(lastSeenAt).toISOString(),
    suspicion === undefined ? "" : `${suspicion.refusals} refusals`,
  ];
}

async function withStore<T>(
  options: OptionValues<typeof STORE_OPTION>,
  work: (store: RegistrationStore) => Promise<T>,
): Promise<T> {
  const store = await openStore(options);
  try {
    return await work(store.registrations);
  } finally {
    await store.close();
  }
}

function fileError(error: unknown, path: string): unknown {
  return (error as NodeJS.ErrnoException).syscall === "open" ? unreadableFile(path, "--file", error) : error;
}
