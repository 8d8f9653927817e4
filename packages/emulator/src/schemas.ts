import {
  type Clock,
  type FieldProblem,
  InvalidOptionsError,
  problemsOf,
  type Random,
  systemClock,
} from "@cloud-messaging/core";
import { z } from "zod";
import type { Profile } from "./model/profile.ts";
import type { EvictionRule } from "./model/storage.ts";
import type { BucketRules, DeviceRateRules } from "./model/throttling.ts";
import type { ElementStyle } from "./servers/ccs-stanzas.ts";
import type { ApiKey } from "./servers/credentials.ts";
import type { ValidationStyle } from "./servers/gcm-http.ts";

/** How CCS behaves. */
export interface CcsOptions {
  /** Whether messages are answered by themselves. Otherwise `emulator.ccs.ack()` and `nack()` decide. @defaultValue `true` */
  readonly autoAck?: boolean;
  /** Unanswered downstream messages that a connection may have; more are nacked. Range: 1 to 1000. @defaultValue 100 */
  readonly maxPending?: number;
  /** Unacked upstream messages that a connection is given. Range: 1 to 1000. @defaultValue 100 */
  readonly upstreamWindow?: number;
  /** An unacked upstream message or receipt is written again after so long. Unit: milliseconds. @defaultValue 10000 */
  readonly upstreamResendMs?: number;
  /** How long an ack takes. Unit: milliseconds. @defaultValue 0 */
  readonly ackDelayMs?: number;
  /** A space is sent this often. Unit: milliseconds; `Infinity`: never. @defaultValue 60000 */
  readonly keepAliveMs?: number;
  /** A draining connection ends after so long, whatever is pending. Unit: milliseconds. @defaultValue 10000 */
  readonly drainTimeoutMs?: number;
  /** A draining connection with nothing pending ends after so long without traffic. Unit: milliseconds. @defaultValue 250 */
  readonly drainQuietMs?: number;
  /** Login has to be done in so long. Unit: milliseconds. @defaultValue 10000 */
  readonly loginTimeoutMs?: number;
  /** The element of acks, nacks and control messages. @defaultValue `data:gcm`, as seen live */
  readonly elementStyle?: ElementStyle;
  /** Whether characters are appended to the resource that was asked for, as seen live. @defaultValue `true` */
  readonly resourceSuffix?: boolean;
}

/** How deliveries are throttled. */
export interface ThrottlingOptions {
  /** Per app and collapse key. `false`: not at all. @defaultValue 20 at once, one more every 3 minutes, as FCM published */
  readonly collapsible?: BucketRules | false;
  /** All non-collapsible messages of an app. The grant was never published. @defaultValue `false` */
  readonly nonCollapsible?: BucketRules | false;
  /** Messages to one device, refused beyond; FCM published 240 a minute and 5000 an hour. @defaultValue `false` */
  readonly perDevice?: DeviceRateRules | false;
}

/** What to listen on and how to behave. Everything has a default. */
export interface EmulatorOptions {
  /** Address to listen on. Anything but loopback lets others in. @defaultValue `127.0.0.1` */
  readonly host?: string;
  /** HTTP, control API and inbox. 0: any free port. @defaultValue 0 */
  readonly httpPort?: number;
  /** HTTPS, with HTTP/1.1 and HTTP/2. 0: any free port; `false`: none. @defaultValue 0 */
  readonly httpsPort?: number | false;
  /** CCS. 0: any free port; `false`: none. @defaultValue 0 */
  readonly ccsPort?: number | false;
  /** Time for the service and the network. @defaultValue the machine's */
  readonly clock?: Clock;
  /** Chance, for tokens, IDs and random faults. @defaultValue `Math.random` */
  readonly random?: Random;
  /** Which years' service to be. @defaultValue `fcm-legacy` */
  readonly profile?: Profile;
  /** How failures of a whole HTTP request are answered. @defaultValue `live` */
  readonly validationStyle?: ValidationStyle;
  /** API keys that are good; with a `senderId`, only for that sender. Empty: any key. @defaultValue empty */
  readonly apiKeys?: readonly (string | ApiKey)[];
  /** Whether an unknown token becomes a new device. @defaultValue `false` */
  readonly autoRegister?: boolean;
  /** The sender of devices made without one, and of `ccsOptions()`. Digits. @defaultValue `1234567890` */
  readonly senderId?: string;
  /** Whether multicast and topic message IDs lie above 2^53. @defaultValue `true` */
  readonly wideIds?: boolean;
  /** Whether `time_to_live` may be digits in a string. @defaultValue `false` */
  readonly lenientNumbers?: boolean;
  /** Whether a group message that reached nobody is answered with counts rather than with 503. @defaultValue `false` */
  readonly groupFailureCounts?: boolean;
  /** Which collapse key goes when a fifth is stored. @defaultValue `oldest` */
  readonly eviction?: EvictionRule;
  /** Non-collapsible messages stored per app. Range: 1 to 10000. @defaultValue 100 */
  readonly storageLimit?: number;
  readonly throttling?: ThrottlingOptions;
  /** How long an app found uninstalled still gets messages accepted. Unit: milliseconds. @defaultValue 0 */
  readonly uninstallDetectionDelayMs?: number;
  /** How long superseded tokens work. Unit: milliseconds. @defaultValue `Infinity` */
  readonly supersededLifetimeMs?: number;
  /** Captured messages kept; the oldest make room. Range: 1 to 1000000. @defaultValue 10000 */
  readonly maxMessages?: number;
  /** Devices that can be registered. Range: 1 to 1000000. @defaultValue 100000 */
  readonly maxDevices?: number;
  /** Further names and addresses for the server certificate. @defaultValue none */
  readonly certificateNames?: readonly string[];
  /** How long a client may take over a handshake or a request's headers. Unit: milliseconds. @defaultValue 10000 */
  readonly patienceMs?: number;
  readonly ccs?: CcsOptions;
}

const port = z.int("must be a whole number from 0 to 65535").min(0).max(65_535);
const durationMs = z.number().min(0, "must be 0 or more milliseconds");
const positiveMs = z.number().positive("must be more than 0 milliseconds");
const bucket = z.strictObject({ capacity: z.int().min(1), refillEveryMs: positiveMs });
const apiKey = z.string().regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");
const senderId = z.string().regex(/^\d{1,20}$/, "must be 1 to 20 digits");
const func = z.custom<() => unknown>((value) => typeof value === "function", "must be a function");

const CcsOptionsSchema = z.strictObject({
  autoAck: z.boolean().default(true),
  maxPending: z.int().min(1).max(1000).default(100),
  upstreamWindow: z.int().min(1).max(1000).default(100),
  upstreamResendMs: positiveMs.default(10_000),
  ackDelayMs: durationMs.default(0),
  keepAliveMs: positiveMs.or(z.literal(Number.POSITIVE_INFINITY)).default(60_000),
  drainTimeoutMs: positiveMs.default(10_000),
  drainQuietMs: durationMs.default(250),
  loginTimeoutMs: positiveMs.default(10_000),
  elementStyle: z.enum(["data:gcm", "gcm"]).default("data:gcm"),
  resourceSuffix: z.boolean().default(true),
});

const ThrottlingSchema = z.strictObject({
  collapsible: z.union([bucket, z.literal(false)]).default({ capacity: 20, refillEveryMs: 180_000 }),
  nonCollapsible: z.union([bucket, z.literal(false)]).default(false),
  perDevice: z
    .union([z.strictObject({ perMinute: z.int().min(1), perHour: z.int().min(1) }), z.literal(false)])
    .default(false),
});

const EmulatorOptionsSchema = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  httpPort: port.default(0),
  httpsPort: z.union([port, z.literal(false)]).default(0),
  ccsPort: z.union([port, z.literal(false)]).default(0),
  clock: z
    .custom<Clock>(
      (value) => typeof (value as Clock | null)?.now === "function" && typeof (value as Clock).schedule === "function",
      {
        error: "must have now() and schedule(), as createManualClock() of @cloud-messaging/core has",
      },
    )
    .default(systemClock),
  random: (func as z.ZodType<Random>).default(() => Math.random),
  profile: z.enum(["gcm-2013", "gcm-2015", "fcm-legacy", "fcm-v1"]).default("fcm-legacy"),
  validationStyle: z.enum(["live", "documented"]).default("live"),
  apiKeys: z.array(z.union([apiKey, z.strictObject({ key: apiKey, senderId: senderId.optional() })])).default([]),
  autoRegister: z.boolean().default(false),
  senderId: senderId.default("1234567890"),
  wideIds: z.boolean().default(true),
  lenientNumbers: z.boolean().default(false),
  groupFailureCounts: z.boolean().default(false),
  eviction: z.enum(["oldest", "random"]).default("oldest"),
  storageLimit: z.int().min(1).max(10_000).default(100),
  throttling: ThrottlingSchema.prefault({}),
  uninstallDetectionDelayMs: durationMs.default(0),
  supersededLifetimeMs: durationMs.or(z.literal(Number.POSITIVE_INFINITY)).default(Number.POSITIVE_INFINITY),
  maxMessages: z.int().min(1).max(1_000_000).default(10_000),
  maxDevices: z.int().min(1).max(1_000_000).default(100_000),
  certificateNames: z.array(z.string().min(1)).default([]),
  patienceMs: positiveMs.default(10_000),
  ccs: CcsOptionsSchema.prefault({}),
});

/** The options with every default in its place. */
export type ResolvedOptions = Omit<z.output<typeof EmulatorOptionsSchema>, "apiKeys"> & {
  readonly apiKeys: readonly ApiKey[];
};

/** @throws {InvalidOptionsError} naming every option that is wrong, and what to write instead. */
export function resolveOptions(options: EmulatorOptions): ResolvedOptions {
  const parsed = EmulatorOptionsSchema.safeParse(options);
  if (!parsed.success) throw new InvalidOptionsError(optionProblems(parsed.error));
  const { apiKeys, ...rest } = parsed.data;
  return { ...rest, apiKeys: apiKeys.map((entry) => (typeof entry === "string" ? { key: entry } : entry)) };
}

function optionProblems(error: z.ZodError): FieldProblem[] {
  return problemsOf(error).map(({ path, problem }) => ({
    path,
    problem: problem === "is not a field of a message" ? "is not an option of the emulator" : problem,
  }));
}

/** A change of a device group. Unknown fields are ignored, as everywhere on these wires. */
export const GroupRequestSchema = z.looseObject({
  operation: z.enum(["create", "add", "remove"]),
  notification_key_name: z.string().max(1024).optional(),
  notification_key: z.string().optional(),
  registration_ids: z.array(z.string()).min(1).max(1000),
  id_token: z.string().optional(),
});

/** Tokens to add to a topic or to remove from it. */
export const TopicBatchSchema = z.looseObject({ to: z.string(), registration_tokens: z.array(z.string()).optional() });

/** APNs tokens to import. */
export const ImportRequestSchema = z.looseObject({
  application: z.string().min(1),
  sandbox: z.boolean(),
  apns_tokens: z.array(z.string()).min(1),
});
