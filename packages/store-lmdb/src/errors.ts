import { CloudMessagingError } from "@cloud-messaging/core";
import type { LmdbFailure } from "@cloud-messaging/lmdb";

/** The database could not be opened, read or written. Nothing of the call was stored; what was stored before is there. */
export class LmdbStoreError extends CloudMessagingError<"ERR_LMDB_STORE"> {
  override readonly name = "LmdbStoreError";
  /** Reason of the failure. */
  readonly reason: LmdbFailure;

  constructor(reason: LmdbFailure, message: string, cause?: unknown) {
    super("ERR_LMDB_STORE", `The registrations in ${message}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}
