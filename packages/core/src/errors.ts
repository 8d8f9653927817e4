/** One thing wrong with one field. */
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
export abstract class CloudMessagingError extends Error {
  /** Stable identifier, for example `ERR_INVALID_MESSAGE`. */
  abstract readonly code: string;

  static {
    // on the prototype, so that it is no field of any error: shown nowhere, and nothing per instance
    Object.defineProperty(CloudMessagingError.prototype, BRAND, { value: true });
  }
}

/** Input of the caller that breaks rules checked before anything is sent; `problems` names each. */
abstract class InvalidInputError extends CloudMessagingError {
  /** Every bad field, in the order of the schema. */
  readonly problems: readonly FieldProblem[];

  constructor(what: string, problems: readonly FieldProblem[], options?: ErrorOptions) {
    super(`${what} not valid: ${describeProblems(problems)}`, options);
    this.problems = problems;
  }
}

/** The message breaks a rule that can be checked before sending. Nothing was sent. */
export class InvalidMessageError extends InvalidInputError {
  override readonly name = "InvalidMessageError";
  readonly code = "ERR_INVALID_MESSAGE";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("The message is", problems, options);
  }
}

/** A registration that cannot be stored. Nothing was stored. */
export class InvalidRegistrationError extends InvalidInputError {
  override readonly name = "InvalidRegistrationError";
  readonly code = "ERR_INVALID_REGISTRATION";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("The registration is", problems, options);
  }
}

/** An option is missing, of the wrong type or out of range. Nothing was done. */
export class InvalidOptionsError extends InvalidInputError {
  override readonly name = "InvalidOptionsError";
  readonly code = "ERR_INVALID_OPTIONS";

  constructor(problems: readonly FieldProblem[], options?: ErrorOptions) {
    super("The options are", problems, options);
  }
}

/** The registration store failed before anything was sent. `cause` is its error. */
export class RegistrationStoreError extends CloudMessagingError {
  override readonly name = "RegistrationStoreError";
  readonly code = "ERR_REGISTRATION_STORE";

  /** @param problem The fault of an answer that cannot be used. */
  constructor(cause: unknown, problem?: string) {
    super(
      problem === undefined
        ? "The registration store failed, so nothing was sent; the cause says why"
        : `The registration store's answer cannot be used, so nothing was sent: ${problem}`,
      { cause },
    );
  }
}

/** The sender, client or store was closed before the call. Nothing was sent. */
export class ClosedError extends CloudMessagingError {
  override readonly name = "ClosedError";
  readonly code = "ERR_CLOSED";

  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is closed: create a new one to go on`, options);
  }
}

/** The caller's AbortSignal ended the call before anything was written. `cause` is the signal's reason. */
export class AbortedError extends CloudMessagingError {
  // the name that Node and browsers give, so that `error.name === "AbortError"` keeps working
  override readonly name = "AbortError";
  readonly code = "ERR_ABORTED";

  constructor(what: string, reason?: unknown) {
    super(`${what} was aborted before anything was sent`, { cause: reason });
  }
}

/** More sends are unsettled than `maxWaiting` allows. Nothing was sent; `await sender.capacity()` first, or use `sendAll`. */
export class TooManyWaitingError extends CloudMessagingError {
  override readonly name = "TooManyWaitingError";
  readonly code = "ERR_TOO_MANY_WAITING";
  readonly maxWaiting: number;

  constructor(maxWaiting: number) {
    super(
      `${maxWaiting} sends are waiting already, which is the limit (maxWaiting): await sender.capacity() before each send, or use sendAll()`,
    );
    this.maxWaiting = maxWaiting;
  }
}

/** The service refused the credentials. Trying again with the same ones cannot help. */
export class AuthenticationError extends CloudMessagingError {
  override readonly name = "AuthenticationError";
  readonly code = "ERR_AUTHENTICATION";
}

/** A connection could not be made or was lost. */
export class ConnectionError extends CloudMessagingError {
  override readonly name = "ConnectionError";
  readonly code = "ERR_CONNECTION";
}

/** The registration store holds as many registrations as its bound allows. Nothing was stored. */
export class StoreFullError extends CloudMessagingError {
  override readonly name = "StoreFullError";
  readonly code = "ERR_STORE_FULL";

  constructor(maxRegistrations: number) {
    super(
      `The registration store is full (maxRegistrations: ${maxRegistrations}): raise the bound, or keep registrations in a database of your own`,
    );
  }
}

/** Changes after the cursor are no longer kept by the registration store: read the registrations anew, then the feed from `"newest"`. */
export class ChangesLostError extends CloudMessagingError {
  override readonly name = "ChangesLostError";
  readonly code = "ERR_CHANGES_LOST";

  constructor() {
    super(
      "Changes after this cursor are no longer kept by the registration store: read the registrations anew, and the feed from an earlier place next time",
    );
  }
}

/** The outbox holds as many unsettled recipients as its bound allows. Nothing of the call was stored but what an interrupted campaign has. */
export class OutboxFullError extends CloudMessagingError {
  override readonly name = "OutboxFullError";
  readonly code = "ERR_OUTBOX_FULL";
  readonly maxBacklog: number;

  constructor(maxBacklog: number) {
    super(
      `The outbox holds ${maxBacklog} unsettled recipients, which is its limit (maxBacklog): wait until workers have settled some, or raise it`,
    );
    this.maxBacklog = maxBacklog;
  }
}

/** The outbox's storage cannot be opened, read or written. `cause` is the error of the engine. */
export class OutboxStorageError extends CloudMessagingError {
  override readonly name = "OutboxStorageError";
  readonly code = "ERR_OUTBOX_STORAGE";

  constructor(problem: string, cause?: unknown) {
    super(`The outbox's storage cannot be used: ${problem}`, cause === undefined ? undefined : { cause });
  }
}

/** Every error this SDK throws; `switch (error.code)` narrows it. */
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
  | OutboxStorageError;

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
