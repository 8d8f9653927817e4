import { docsOf } from "./docs-of.ts";

/** Problem with one field. */
export interface FieldProblem {
  /** Path of the field, with dots: `data.score`, `target.tokens.3`; empty for the whole value. */
  readonly path: string;
  /** Problem, limit and fix. Never holds a whole token or a secret. */
  readonly problem: string;
}

/** Marks errors of every loaded copy of this package: the ES module and the file for `require()` have classes of their own. */
const BRAND = Symbol.for("@cloud-messaging/error");

/**
 * Base class of every error of this SDK. `code` is stable and documented: switch on it, not on the message.
 * An error is thrown only while nothing of the call can have been accepted; what the service or the network did is an outcome.
 */
export abstract class CloudMessagingError<Code extends string = string> extends Error {
  /** Stable identifier, for example `ERR_INVALID_MESSAGE`. */
  readonly code: Code;
  /**
   * Address of the section about the code: meaning, cause and cure. A field, so that it is shown wherever an error is shown whole, and no
   * part of the message, which may go to others.
   */
  readonly docs: string;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.docs = docsOf(code);
  }

  static {
    // on the prototype, so that it is no field of any error: shown nowhere, and nothing per instance
    Object.defineProperty(CloudMessagingError.prototype, BRAND, { value: true });
  }
}

/** Input of the caller that breaks rules checked before anything is sent; `problems` names each. */
abstract class InvalidInputError<Code extends string> extends CloudMessagingError<Code> {
  /** Every bad field, in the order of the schema. */
  readonly problems: readonly FieldProblem[];

  constructor(code: Code, what: string, problems: readonly FieldProblem[], options?: ErrorOptions) {
    super(code, `${what} not valid: ${describeProblems(problems)}`, options);
    this.problems = problems;
  }
}

/** The message breaks a rule that can be checked before sending. Nothing was sent. */
export class InvalidMessageError extends InvalidInputError<"ERR_INVALID_MESSAGE"> {
  override readonly name = "InvalidMessageError";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("ERR_INVALID_MESSAGE", "The message is", problems, options);
  }
}

/** A registration that cannot be stored. Nothing was stored. */
export class InvalidRegistrationError extends InvalidInputError<"ERR_INVALID_REGISTRATION"> {
  override readonly name = "InvalidRegistrationError";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("ERR_INVALID_REGISTRATION", "The registration is", problems, options);
  }
}

/** An option is missing, of the wrong type or out of range. Nothing was done. */
export class InvalidOptionsError extends InvalidInputError<"ERR_INVALID_OPTIONS"> {
  override readonly name = "InvalidOptionsError";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("ERR_INVALID_OPTIONS", "The options are", problems, options);
  }
}

/** The registration store failed before anything was sent. `cause` is its error. */
export class RegistrationStoreError extends CloudMessagingError<"ERR_REGISTRATION_STORE"> {
  override readonly name = "RegistrationStoreError";

  /** @param problem The fault of an answer that cannot be used. */
  constructor(cause: unknown, problem?: string) {
    super(
      "ERR_REGISTRATION_STORE",
      problem === undefined
        ? "The registration store failed, so nothing was sent; the cause says why"
        : `The registration store's answer cannot be used, so nothing was sent: ${problem}`,
      { cause },
    );
  }
}

/** The sender, client or store was closed before the call. Nothing was sent. */
export class ClosedError extends CloudMessagingError<"ERR_CLOSED"> {
  override readonly name = "ClosedError";

  constructor(what: string, options?: ErrorOptions) {
    super("ERR_CLOSED", `${what} is closed: create a new one to go on`, options);
  }
}

/** The caller's AbortSignal ended the call: a send before anything was written, a loop or a wait before its end. `cause` is the signal's reason. */
export class AbortedError extends CloudMessagingError<"ERR_ABORTED"> {
  // the name that Node and browsers give, so that `error.name === "AbortError"` keeps working
  override readonly name = "AbortError";

  constructor(what: string, reason?: unknown, before = "anything was sent") {
    super("ERR_ABORTED", `${what} was aborted before ${before}`, { cause: reason });
  }
}

/** More sends are unsettled than `maxWaiting` allows. Nothing was sent; `await sender.capacity()` first, or use `sendAll`. */
export class TooManyWaitingError extends CloudMessagingError<"ERR_TOO_MANY_WAITING"> {
  override readonly name = "TooManyWaitingError";
  readonly maxWaiting: number;

  constructor(maxWaiting: number) {
    super(
      "ERR_TOO_MANY_WAITING",
      `${maxWaiting} sends are waiting already, which is the limit (maxWaiting): await sender.capacity() before each send, or use sendAll()`,
    );
    this.maxWaiting = maxWaiting;
  }
}

/** The service refused the credentials. Trying again with the same ones cannot help. */
export class AuthenticationError extends CloudMessagingError<"ERR_AUTHENTICATION"> {
  override readonly name = "AuthenticationError";

  constructor(message: string, options?: ErrorOptions) {
    super("ERR_AUTHENTICATION", message, options);
  }
}

/** A connection could not be made or was lost. */
export class ConnectionError extends CloudMessagingError<"ERR_CONNECTION"> {
  override readonly name = "ConnectionError";

  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONNECTION", message, options);
  }
}

/** The registration store has reached its limit of registrations. Nothing was stored. */
export class StoreFullError extends CloudMessagingError<"ERR_STORE_FULL"> {
  override readonly name = "StoreFullError";

  constructor(maxRegistrations: number) {
    super(
      "ERR_STORE_FULL",
      `The registration store is full (maxRegistrations: ${maxRegistrations}): raise the bound, or keep registrations in a database of your own`,
    );
  }
}

/** Changes after the cursor are no longer kept by the registration store: take the cursor of `changes({ from: "newest" })`, read the registrations anew, and follow the feed from it. */
export class ChangesLostError extends CloudMessagingError<"ERR_CHANGES_LOST"> {
  override readonly name = "ChangesLostError";

  constructor() {
    super(
      "ERR_CHANGES_LOST",
      "Changes after this cursor are no longer kept by the registration store: read the registrations anew, and the feed from an earlier place next time",
    );
  }
}

/** The outbox has reached `maxBacklog`. `enqueue` stored nothing; of `enqueueAll` a part may be stored, which a call with the same key completes. */
export class OutboxFullError extends CloudMessagingError<"ERR_OUTBOX_FULL"> {
  override readonly name = "OutboxFullError";
  readonly maxBacklog: number;

  constructor(maxBacklog: number) {
    super(
      "ERR_OUTBOX_FULL",
      `The outbox holds ${maxBacklog} unsettled recipients, which is its limit (maxBacklog): wait until workers have settled some, or raise it`,
    );
    this.maxBacklog = maxBacklog;
  }
}

/** The outbox's storage cannot be opened, read or written. `cause` is the error of the engine. */
export class OutboxStorageError extends CloudMessagingError<"ERR_OUTBOX_STORAGE"> {
  override readonly name = "OutboxStorageError";

  constructor(problem: string, cause?: unknown) {
    super(
      "ERR_OUTBOX_STORAGE",
      `The outbox's storage cannot be used: ${problem}`,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** A feature needs a package, an optional dependency, that is not installed. Nothing was done. */
export class MissingPackageError extends CloudMessagingError<"ERR_MISSING_PACKAGE"> {
  override readonly name = "MissingPackageError";
  /** Name of the package. */
  readonly packageName: string;

  constructor(packageName: string, options?: ErrorOptions) {
    super(
      "ERR_MISSING_PACKAGE",
      `This needs the package ${packageName}, which is not installed: npm install ${packageName}`,
      options,
    );
    this.packageName = packageName;
  }
}

/**
 * Errors that core, the senders, the outbox and the stores in common throw; `switch (error.code)` narrows them. Packages of servers, programs
 * and single stores have a few more, each a `CloudMessagingError` with a code of its own: docs/errors.md has them all.
 */
export type AnyCloudMessagingError =
  | InvalidMessageError
  | InvalidOptionsError
  | InvalidRegistrationError
  | ClosedError
  | AbortedError
  | TooManyWaitingError
  | AuthenticationError
  | ConnectionError
  | RegistrationStoreError
  | StoreFullError
  | ChangesLostError
  | OutboxFullError
  | OutboxStorageError
  | MissingPackageError;

/**
 * True if a caught value is an error of this SDK. Then `switch (error.code)` names what it can be and narrows it.
 *
 * ```ts
 * if (isCloudMessagingError(error) && error.code === "ERR_INVALID_MESSAGE") return reply(400, error.problems);
 * ```
 */
export function isCloudMessagingError(error: unknown): error is AnyCloudMessagingError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** Maximum number of problems in the message of an error; `problems` has all of them. */
const MAX_TOLD = 10;
/** Longest path in the message of an error. Unit: characters. A key of the caller's may be long, or be a token in the wrong place. */
const MAX_PATH_CHARS = 80;

function describeProblems(problems: readonly FieldProblem[]): string {
  const told = problems.slice(0, MAX_TOLD).map(({ path, problem }) => (path === "" ? problem : `${path}: ${problem}`));
  if (problems.length > MAX_TOLD) told.push(`and ${problems.length - MAX_TOLD} more`);
  return told.join("; ");
}

/** A path with its parts cut to what a person can read, and to what cannot be a whole token. */
export function pathOf(parts: readonly PropertyKey[]): string {
  return parts
    .map((part) => {
      const text = String(part);
      return text.length <= MAX_PATH_CHARS ? text : `${text.slice(0, 12)}… (${text.length} characters)`;
    })
    .join(".");
}
