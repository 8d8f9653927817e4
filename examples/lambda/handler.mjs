// An AWS Lambda function that sends what a queue (SQS) hands it. The body of each record is a message to one recipient: the queue delivers a
// record again as a whole, and of several recipients some would have the message by then.
//
// Lambda freezes the process when an invocation has been answered and thaws it for the next one, an hour later perhaps: clocks have jumped,
// timers are late, and the other side has closed its connections. So nothing stays open in between: each invocation has a sender of its own,
// which costs a connection and an access token. The batch size of the queue divides that by 100 and more.
import { createFcmSender, isCloudMessagingError } from "@cloud-messaging/http-sender";

/** Time left for the answer to Lambda, which ends a function at its limit. Unit: milliseconds. */
const RESERVE_MS = 2_000;

/**
 * @param {import("@cloud-messaging/http-sender").FcmSenderOptions} options
 * @returns Handler of a queue with `ReportBatchItemFailures`: the records that it names are delivered again.
 */
export function createHandler(options) {
  return async ({ Records }, context) => {
    const timeoutMs = Math.max(1, context.getRemainingTimeInMillis() - RESERVE_MS);
    const sender = createFcmSender({ ...options, timeoutMs });
    try {
      const again = await Promise.all(Records.map((record) => sendRecord(sender, record)));
      const failures = Records.filter((_, index) => again[index]);
      return { batchItemFailures: failures.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    } finally {
      await sender.close();
    }
  };
}

export const handler = createHandler({ credential: process.env.FCM_CREDENTIAL ?? "application-default" });

/** @returns {Promise<boolean>} True if the record is to be delivered again. */
async function sendRecord(sender, { messageId, body }) {
  const log = (fields) => console.log(JSON.stringify({ messageId, ...fields }));
  try {
    const message = JSON.parse(body);
    if (message?.target?.tokens !== undefined) throw new SyntaxError("a record has one recipient: give target.token");
    const { kind, code } = (await sender.send(message)).outcome;
    if (kind !== "accepted") log({ kind, code });
    return kind === "retryable";
  } catch (error) {
    // nothing of it was sent; a body that is no message will not be one the next time
    const isMistake = error instanceof SyntaxError || isInvalidMessage(error);
    log({ kind: isMistake ? "invalid" : "failed", detail: error.message });
    return !isMistake;
  }
}

const isInvalidMessage = (error) => isCloudMessagingError(error) && error.code === "ERR_INVALID_MESSAGE";
