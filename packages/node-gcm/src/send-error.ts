import type { ErrorCode } from "@cloud-messaging/core";

/** Failure of a send with a message. `code` is the HTTP status that node-gcm would have given, or this SDK's error code. */
export class SendError extends Error {
  override readonly name = "SendError";
  readonly code: number | ErrorCode;

  constructor(code: number | ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
