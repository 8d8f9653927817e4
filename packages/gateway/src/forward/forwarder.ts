import type { Address, IncomingMessage, Protocol } from "@cloud-messaging/connection-server";
import { isCloudMessagingError } from "@cloud-messaging/core";
import { describeError, readOptions, systemClock, z } from "@cloud-messaging/core/transport";
import { parseBoundedJson } from "@cloud-messaging/core/wire";
import { readConfig } from "../config.ts";
import { closeSenders, createSenders } from "../senders.ts";
import { toMessage } from "../translate.ts";

const text = z.string().min(1, "must not be empty");
const ForwardSchema = z
  .strictObject({
    projects: z.record(z.string(), z.record(z.string(), z.unknown())),
    forward: z
      .array(
        z.strictObject({
          project: text,
          tokens: z.array(text).optional(),
          senderIds: z.array(text).optional(),
          projectIds: z.array(text).optional(),
        }),
      )
      .min(1, "must name what goes to which project"),
  })
  .superRefine(({ projects, forward }, context) => {
    for (const [i, { project, tokens, senderIds, projectIds }] of forward.entries()) {
      const report = (path: string, message: string) =>
        context.addIssue({ code: "custom", path: ["forward", i, path], message });
      if (!Object.hasOwn(projects, project)) {
        report("project", `must be one of the projects: ${Object.keys(projects).join(", ")}`);
      }
      if ((tokens ?? senderIds ?? projectIds) === undefined)
        report("tokens", "must be given, or senderIds or projectIds");
    }
  });

/** A message that an emulator has captured, as far as it is forwarded. */
export interface CapturedInput {
  readonly protocol: Protocol;
  readonly kind: Exclude<Address["kind"], "fid">;
  readonly to: string;
  readonly senderId?: string;
  /** Project that the request was for. FCM HTTP v1. */
  readonly project?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  readonly collapseKey?: string;
  /** Unit: seconds. */
  readonly timeToLiveSec: number;
  readonly priority?: string;
  readonly dryRun: boolean;
  /** Request body or stanza text. */
  readonly wire: string;
}

/** Forwarding of captured messages to FCM HTTP v1. */
export interface Forwarder {
  /**
   * Sends a message on, if the config names its token, its sender ID or its project. Resolves with the project and the result, in words; `undefined`: it is
   * not named. A failure is a result.
   */
  forward(captured: CapturedInput): Promise<{ readonly project: string; readonly result: string } | undefined>;
  /** Settles what is under way. */
  close(): Promise<void>;
}

/**
 * Opens the forwarding of a config file: `projects` as of the gateway, and `forward`, a list of
 * `{ project, tokens, senderIds, projectIds }`.
 *
 * @example
 * ```ts
 * import { startEmulator } from "@cloud-messaging/emulator";
 * import { openForwarder } from "@cloud-messaging/gateway";
 *
 * const emulator = await startEmulator();
 * const forwarder = openForwarder("gateway.json");
 * const phone = emulator.createDevice();
 * await phone.waitFor(() => true);
 * for (const message of emulator.inbox.messages) console.log(await forwarder.forward(message));
 * ```
 *
 * @throws {CloudMessagingError} the file cannot be read, or is wrong: every wrong field is named.
 */
export function openForwarder(file: string): Forwarder {
  const config = readConfig(file);
  const { forward: rules } = readOptions(ForwardSchema, config as object, "a field of the file of --forward");
  const senders = createSenders({ projects: config.projects, clock: systemClock, onEvent: () => {} });
  return {
    async forward(captured) {
      const { to, senderId = "", project: asked = "" } = captured;
      const rule = rules.find(
        ({ tokens = [], senderIds = [], projectIds = [] }) =>
          tokens.includes(to) || senderIds.includes(senderId) || projectIds.includes(asked),
      );
      const sender = rule === undefined ? undefined : senders.get(rule.project);
      if (rule === undefined || sender === undefined) return undefined;
      const { project } = rule;
      try {
        const { outcome } = await sender.send(toMessage(incomingOf(captured)));
        return { project, result: outcome.kind === "accepted" ? "accepted" : `${outcome.kind}, ${outcome.code}` };
      } catch (error) {
        if (!isCloudMessagingError(error)) throw error;
        return { project, result: describeError(error) };
      }
    },
    close: () => closeSenders(senders),
  };
}

/** The message as a connection server reads it. Of FCM v1 the fields that all platforms share. */
function incomingOf(captured: CapturedInput): IncomingMessage {
  const { protocol, to, data, notification, collapseKey, timeToLiveSec, priority, dryRun, wire } = captured;
  const common = {
    notification,
    collapse_key: collapseKey,
    time_to_live: timeToLiveSec,
    priority,
    dry_run: dryRun,
  };
  const own = protocol === "fcm-v1" ? undefined : jsonOf(wire);
  return { protocol, to, data, timeToLiveSec, wire, address: addressOf(captured), fields: { ...own, ...common } };
}

function addressOf({ kind, to }: CapturedInput): Address {
  switch (kind) {
    case "topic":
      return { kind, topic: to.replace(/^\/topics\//, "") };
    // the sender's own encoder reads it again
    case "condition":
      return { kind, condition: to } as Address;
    case "group":
      return { kind, notificationKey: to };
    case "token":
      return { kind, token: to };
  }
}

/** A request in plain text has nothing beyond the common fields. */
function jsonOf(wire: string): object | undefined {
  try {
    const value: unknown = parseBoundedJson(wire);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
