import { createCcsClient } from "@cloud-messaging/ccs-client";
import type { DownstreamMessageInput, RecipientOutcome, Sender } from "@cloud-messaging/core";
import { defined } from "@cloud-messaging/core/transport";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { outcomeInWords } from "../output/outcomes.ts";
import type { Output } from "../output/output.ts";
import type { ProtocolName } from "../service/open-sender.ts";

const PLATFORMS = ["android", "ios", "web"] as const;
/** Time limit of a send to the emulator. Unit: milliseconds. */
const TIMEOUT_MS = 10_000;

/** Message as a phone or browser of a platform gets it, or the refusal. */
export type PlatformPreview =
  | {
      readonly notification?: Readonly<Record<string, unknown>>;
      readonly data: Readonly<Record<string, string>>;
      readonly priority?: string;
      readonly timeToLiveSec: number;
      readonly collapseKey?: string;
    }
  | { readonly refused: string };

/** Request of a message, and the message as one device of each platform gets it. */
export interface Preview {
  readonly protocol: ProtocolName;
  /** Body of the request; over CCS the JSON of the stanza. */
  readonly request: unknown;
  readonly platforms: Readonly<Record<(typeof PLATFORMS)[number], PlatformPreview>>;
}

/**
 * Sends a message to an emulator in this process instead of the service: nothing leaves the machine, and no credential is read.
 *
 * @throws {InvalidMessageError} the message breaks a rule.
 */
export async function preview(
  protocol: ProtocolName,
  message: DownstreamMessageInput,
  output: Output,
): Promise<Preview> {
  const emulator = await startEmulator({ autoRegister: true, ...(protocol === "ccs" ? {} : { ccsPort: false }) });
  try {
    const sender = senderAt(emulator, protocol);
    try {
      return await previewAt(emulator, sender, protocol, { ...message, dryRun: false }, output);
    } finally {
      await sender.close();
    }
  } finally {
    await emulator.close();
  }
}

async function previewAt(
  emulator: Emulator,
  sender: Sender,
  protocol: ProtocolName,
  message: DownstreamMessageInput,
  output: Output,
): Promise<Preview> {
  const { outcomes } = await sender.send(message, { timeoutMs: TIMEOUT_MS });
  const [captured] = emulator.inbox.messages;
  const request: unknown = captured === undefined ? refusalOf(outcomes[0], output) : JSON.parse(captured.wire);
  const platforms: [string, PlatformPreview][] = [];
  for (const platform of PLATFORMS) {
    const device = emulator.createDevice({ platform });
    const { outcome } = await sender.send({ ...message, target: { token: device.token } }, { timeoutMs: TIMEOUT_MS });
    const [received] = device.received;
    const { priority, timeToLiveSec = 0 } = emulator.inbox.latest() ?? {};
    const { notification, data = {}, collapseKey } = received ?? {};
    platforms.push([
      platform,
      received === undefined
        ? { refused: refusalOf(outcome, output) }
        : { data, timeToLiveSec, ...defined({ notification, priority, collapseKey }) },
    ]);
  }
  return { protocol, request, platforms: Object.fromEntries(platforms) as Preview["platforms"] };
}

/** Preview in words. */
export function previewInWords({ request, platforms }: Preview, output: Output): string {
  const parts = [`${output.paint("bold", "request")}\n${JSON.stringify(request, undefined, 2)}`];
  for (const [platform, got] of Object.entries(platforms)) {
    const title = output.paint("bold", platform);
    parts.push("refused" in got ? `${title}  ${got.refused}` : `${title}\n${JSON.stringify(got, undefined, 2)}`);
  }
  return parts.join("\n\n");
}

function refusalOf(outcome: RecipientOutcome | undefined, output: Output): string {
  return outcome === undefined ? "not sent" : outcomeInWords(outcome, output);
}

function senderAt(emulator: Emulator, protocol: ProtocolName): Sender {
  if (protocol === "v1") return createFcmSender({ ...emulator.fcmOptions(), retry: false });
  if (protocol === "gcm") return createGcmSender({ ...emulator.httpOptions(), retry: false });
  return createCcsClient({ ...emulator.ccsOptions(), retry: false });
}
