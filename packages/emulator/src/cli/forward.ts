import { describeError, loadOptionalPackage } from "@cloud-messaging/core/transport";
import type { Emulator } from "../emulator.ts";

/**
 * Sends on to FCM HTTP v1 what an emulator captures, as a file says. The gateway, an optional dependency, is loaded here.
 *
 * @param tell Called with a line for each message that was sent on.
 * @returns Ends it, when what is under way has been settled.
 * @throws {MissingPackageError} the gateway is not installed. @throws {CloudMessagingError} the file is wrong.
 */
export async function forwardCaptured(
  { events }: Emulator,
  file: string,
  tell: (line: string) => void,
): Promise<() => Promise<void>> {
  const { openForwarder } = await loadOptionalPackage(
    "@cloud-messaging/gateway",
    () => import("@cloud-messaging/gateway"),
  );
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
