import { statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ClosedError, CloudMessagingError } from "@cloud-messaging/core";
import { type Database, type DatabaseOptions, type Key, open, type RootDatabase } from "lmdb";
import { dataFileFault } from "./data-file.ts";
import { describeFailure, type LmdbFailure, reasonOf } from "./failure.ts";

/** Ordered table. Reads see the last committed state, and inside of a change what it has written; writes belong into changes. */
export interface Table<V, K extends Key>
  extends Pick<Database<V, K>, "get" | "doesExist" | "getRange" | "getKeys" | "getValues" | "getStats"> {
  put(key: K, value: V): void;
  /** @param value Of a table with several values of a key: the one. */
  remove(key: K, value?: V): void;
}

/** The database of a folder. */
export interface Environment {
  /** Runs the first transaction, blocking: opens tables, checks them. Returns what `run` does. An error closes the database. */
  begin<T>(run: () => T): T;
  /** Opens a table, and makes it where it is missing. For `begin`. */
  table<V, K extends Key>(name: string, options?: DatabaseOptions): Table<V, K>;
  /**
   * Runs a change in a transaction, and resolves once the disk has it. Changes that wait for the disk together are one transaction: an
   * error takes it back whole, and fails them all, with that of `toError` unless it is one of `CloudMessagingError`.
   *
   * @throws {ClosedError} the database is closed.
   */
  change<T>(run: () => T): Promise<T>;
  /**
   * Runs a read, of one moment: the newest that any process has committed. Errors are those of `change`.
   *
   * @throws {ClosedError} the database is closed.
   */
  read<T>(run: () => T): T;
  /** Makes the error of a database whose contents this version cannot use. For `begin`, which throws it. */
  otherFormat(detail: string): CloudMessagingError;
  /** Lets changes that wait be written, then closes the files. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Hooks around each transaction, run inside it. */
export interface TransactionHooks {
  /** Before the first change. */
  begin(): void;
  /** After the last change. */
  end(): void;
  /** Once the disk has it. */
  committed(): void;
}

/** Options of `openEnvironment`. */
export interface EnvironmentOptions {
  /** Subject of the error of a closed database, such as "The outbox". */
  readonly owner: string;
  /** Makes the error of a failure. The message names the folder and the operation, and gives advice. */
  readonly toError: (reason: LmdbFailure, message: string, cause?: unknown) => CloudMessagingError;
  readonly hooks?: TransactionHooks;
}

/** Changes of one transaction at most: it runs on the event loop. */
const MAX_CHANGES = 1_000;

/** Transactions after which the places of readers that were killed are freed, so that they keep no old pages. */
const READER_CHECK_EVERY = 100;

/** Numbers of Linux for file systems whose memory maps and locks other machines do not see: NFS, SMB (three), AFS, Ceph. */
const REMOTE_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x5346414f, 0x00c36400,
]);

interface Waiting {
  readonly run: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the database of a folder; makes both where they are missing.
 *
 * @throws the error of `toError`: it cannot be opened.
 *
 * @example
 * ```ts
 * import { OutboxStorageError } from "@cloud-messaging/core";
 * import { openEnvironment } from "@cloud-messaging/lmdb";
 *
 * const toError = (_: string, message: string, cause: unknown) => new OutboxStorageError(message, cause);
 * const environment = openEnvironment("./outbox", { owner: "The outbox", toError });
 * environment.begin(() => environment.table<number, string>("meta").put("format", 1));
 * await environment.close();
 * ```
 */
export function openEnvironment(folder: string, { owner, toError, hooks }: EnvironmentOptions): Environment {
  const failed = (reason: LmdbFailure, doing: string, detail: string, cause?: unknown) =>
    toError(reason, describeFailure(reason, doing, folder, detail), cause);
  const errorOf = (doing: string, cause: unknown) =>
    cause instanceof CloudMessagingError ? cause : failed(reasonOf(cause), doing, "", cause);
  const root = openRoot(folder, failed, errorOf);
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let transactions = 0;
  let closing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_CHANGES);
      waiting = waiting.slice(MAX_CHANGES);
      await write(batch);
      if (++transactions % READER_CHECK_EVERY === 0) root.readerCheck();
    }
    writing = undefined;
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    let values: readonly unknown[];
    try {
      // a child transaction, since that can be taken back
      values = await root.childTransaction(() => {
        hooks?.begin();
        const results = batch.map(({ run }) => run());
        hooks?.end();
        return results;
      });
    } catch (error) {
      const cause = await causeOf(error);
      for (const { reject } of batch) reject(errorOf("written", cause));
      return;
    }
    batch.forEach(({ resolve }, index) => {
      resolve(values[index] as never);
    });
    hooks?.committed();
  }

  function assertOpen(): void {
    if (closing !== undefined) throw new ClosedError(owner);
  }

  return {
    // a table is the part of a database that the packages use
    table: <V, K extends Key>(name: string, options: DatabaseOptions = {}) =>
      root.openDB<V, K>(name, options) as unknown as Table<V, K>,
    begin(run) {
      try {
        return root.transactionSync(run);
      } catch (error) {
        void root.close();
        throw errorOf("opened", error);
      }
    },
    change<T>(run: () => T) {
      return new Promise<T>((resolve, reject) => {
        assertOpen();
        waiting.push({ run, resolve, reject });
        writing ??= Promise.resolve().then(writeAll);
      });
    },
    read(run) {
      assertOpen();
      try {
        // a snapshot is kept for the rest of the event loop's turn otherwise
        root.resetReadTxn();
        return run();
      } catch (error) {
        throw errorOf("read", error);
      }
    },
    otherFormat: (detail) => failed("other-format", "opened", detail),
    close() {
      closing ??= Promise.resolve(writing).then(() => root.close());
      return closing;
    },
  };
}

function openRoot(
  folder: string,
  failed: (reason: LmdbFailure, doing: string, detail: string) => CloudMessagingError,
  errorOf: (doing: string, cause: unknown) => CloudMessagingError,
): RootDatabase<unknown, Key> {
  if (isRemote(folder)) throw failed("remote-folder", "opened", "");
  const fault = dataFileFault(folder);
  if (fault !== undefined) throw failed(fault.reason, "opened", fault.detail);
  try {
    return open<unknown, Key>({
      path: folder,
      noSubdir: false,
      maxDbs: 16,
      // a commit is on the disk when it resolves, and a transaction holds what is ours alone: its failure is ours to handle
      overlappingSync: false,
      eventTurnBatching: false,
    });
  } catch (error) {
    throw errorOf("opened", error);
  }
}

/** Asks the folder, or the one above it that is there. */
function isRemote(folder: string): boolean {
  if (process.platform !== "linux") return false;
  for (let at = resolve(folder); ; at = dirname(at)) {
    try {
      return REMOTE_FILE_SYSTEMS.has(statfsSync(at).type);
    } catch {
      if (at === dirname(at)) return false;
    }
  }
}

/** LMDB rejects a failed commit with an error that promises the reason; nobody else takes care of that promise. */
async function causeOf(error: unknown): Promise<unknown> {
  const promised = (error as { commitError?: Promise<unknown> } | null | undefined)?.commitError;
  return promised === undefined ? error : promised.catch((reason: unknown) => reason);
}
