import { CloudMessagingError } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import type { Emulator } from "../start-emulator.ts";

/** The option `--forward` cannot be used. */
export class ForwardError extends CloudMessagingError {
  override readonly name = "ForwardError";
  readonly code = "ERR_FORWARD";
}

/**
 * Sends on to FCM HTTP v1 what an emulator captures, as a file says. The gateway, an optional dependency, is loaded here.
 *
 * @param tell Called with a line for each message that was sent on.
 * @returns Ends it, when what is under way has been settled.
 * @throws {ForwardError} the gateway is not installed. @throws {CloudMessagingError} the file is wrong.
 */
export async function forwardCaptured(
  { events }: Emulator,
  file: string,
  tell: (line: string) => void,
): Promise<() => Promise<void>> {
  const { openForwarder } = await loadGateway();
  const forwarder = openForwarder(file);
  let latest = 0;
  const unsubscribe = events.subscribe(({ message }) => {
    // a message has an event for each change of its state
    if (message.id <= latest) return;
    latest = message.id;
    forwarder.forward(message).then(
      (sent) => sent && tell(`Message ${message.id} was forwarded to ${sent.project}: ${sent.result}`),
      (error: unknown) => tell(`Message ${message.id} could not be forwarded: ${describeError(error)}`),
    );
  }, "message");
  return () => {
    unsubscribe();
    return forwarder.close();
  };
}

async function loadGateway(): Promise<typeof import("@cloud-messaging/gateway")> {
  try {
    return await import("@cloud-messaging/gateway");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new ForwardError(
      "needs @cloud-messaging/gateway, which is not installed: npm install @cloud-messaging/gateway",
    );
  }
}
