import type { ErrorCode } from "@cloud-messaging/core";
import type { ConditionNode } from "@cloud-messaging/core/transport";

/** A value, now or later. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Protocols that bring downstream messages. */
export type Protocol = "gcm-http" | "ccs" | "fcm-v1";

/** Every {@link Platform}. */
export const PLATFORMS = ["android", "ios", "web"] as const;

/** Platform of a device, as far as FCM v1 has blocks for it. */
export type Platform = (typeof PLATFORMS)[number];

/** Recipient of a message. */
export type Address =
  /** `orGroup`: GCM's `to`, which takes a device group's notification key as well. */
  | { readonly kind: "token"; readonly token: string; readonly orGroup?: true }
  /** A Firebase Installation ID (v1). */
  | { readonly kind: "fid"; readonly fid: string }
  /** The bare name. */
  | { readonly kind: "topic"; readonly topic: string }
  | { readonly kind: "condition"; readonly condition: string; readonly node: ConditionNode }
  | { readonly kind: "group"; readonly notificationKey: string };

/** Content of a message on the devices of one platform. */
export interface MessageContent {
  readonly data: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>> | undefined;
  readonly collapseKey?: string | undefined;
  /** Unit: seconds. */
  readonly timeToLiveSec: number;
  readonly priority?: string | undefined;
  readonly restrictedPackageName?: string | undefined;
  /** Bytes that count against the payload limit, where they are not those of `data`. */
  readonly payloadBytes?: number | undefined;
  /** Refusal by the platform's own service. */
  readonly refusal?: Refusal | undefined;
}

/** A downstream message for one address, read and checked. */
export interface IncomingMessage extends MessageContent {
  readonly protocol: Protocol;
  readonly address: Address;
  /** `to` or the condition as the sender wrote it. */
  readonly to: string;
  /** Sender by its credentials; `undefined` when they do not name one. */
  readonly senderId?: string | undefined;
  /** Project named by the request (v1). */
  readonly project?: string | undefined;
  /** The sender's own ID of it (CCS). */
  readonly messageId?: string | undefined;
  /** Number of the connection that it came over (CCS). */
  readonly connectionId?: number | undefined;
  /** Client, as the answer to `authenticate` named it. */
  readonly client?: string | undefined;
  /** Fields of the request as they were read (GCM HTTP, CCS); the recipients of one request share the object. `decodeGcmOptions` of core reads it. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /** Content by platform, where that differs (v1). @defaultValue the same for all */
  readonly contentFor?: ((platform: Platform) => MessageContent) | undefined;
  /** True if an unknown token has to look like one that was given out, and is malformed otherwise (v1). @defaultValue `false` */
  readonly checksTokenForm?: boolean | undefined;
  readonly delayWhileIdle?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly receiptRequested?: boolean | undefined;
  /** Request body or stanza text as it came. */
  readonly wire: string;
}

/** Acceptance of a message. */
export interface Acceptance {
  readonly kind: "accepted";
  readonly messageId: string;
  /** Message ID in the form of topic answers. @defaultValue the digits of `messageId`, or a random number */
  readonly numericId?: bigint;
  /** Token to use from now on. */
  readonly canonicalToken?: string;
  /** Counts of a device group; present exactly if the recipient was one. */
  readonly group?: { readonly success: number; readonly failure: number; readonly failed: readonly string[] };
}

/** Refusal of a message or a login. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: ErrorCode;
  /** Word on the wire, where it is not the table's word for the code. */
  readonly word?: string | undefined;
  /** Reason in words, for a wire that has a field for them. */
  readonly detail?: string | undefined;
  /** Value of the Retry-After header that goes with it. */
  readonly retryAfter?: string | undefined;
}

/** Answer of the service about one message. */
export type Decision = Acceptance | Refusal;

/** Credentials of a request or a CCS login. */
export interface Login {
  readonly protocol: Protocol;
  readonly kind: "api-key" | "access-token";
  readonly secret: string;
  /** Sender ID that the client claims (CCS). */
  readonly senderId?: string;
  /** Project that the request is for (v1). */
  readonly project?: string;
  /** IP address of the client; `undefined` if it is not known. */
  readonly remoteAddress?: string | undefined;
}

/** An authenticated sender. */
export interface Sender {
  readonly kind: "sender";
  /** `undefined`: the credentials do not name one. */
  readonly senderId?: string | undefined;
  /** Name of the client, for `IncomingMessage.client`. */
  readonly client?: string | undefined;
}

/** Rules and words that changed over the years of the service. */
export interface ProtocolRules {
  /** `to` over HTTP; before, `registration_ids` was the only way, and `notification_key` that to a group. */
  readonly httpTo: boolean;
  readonly topics: boolean;
  readonly conditions: boolean;
  readonly notifications: boolean;
  /** Nack for too many messages to one device. */
  readonly ccsRateWord: "QUOTA_EXCEEDED" | "DEVICE_MESSAGE_RATE_EXCEEDED";
  /** Domain of the addresses that CCS writes. */
  readonly domain: "gcm.googleapis.com" | "fcm.googleapis.com";
}

/** Rules of FCM in its last legacy years. */
export const FCM_RULES: ProtocolRules = {
  httpTo: true,
  topics: true,
  conditions: true,
  notifications: true,
  ccsRateWord: "DEVICE_MESSAGE_RATE_EXCEEDED",
  domain: "fcm.googleapis.com",
};

/** An upstream message or a receipt, as CCS writes it. */
export interface UpstreamStanza {
  /** Content of `<gcm>`. */
  readonly json: string;
  /** ID of the downstream message that a receipt is for. While that is not answered on the same connection, the receipt waits for the answer. */
  readonly receiptFor?: string | undefined;
}

/** One CCS connection of an app server, as a service writes to it. */
export interface UpstreamPort {
  /** Number of the connection. */
  readonly id: number;
  readonly senderId: string;
  /** True if new messages may be written: not while the connection drains or ends. */
  readonly accepting: boolean;
  /**
   * Writes an upstream message or a receipt. Until its ack has come, the service keeps it.
   *
   * @returns `false` if it was not written: the connection ends, or its client has left more than 1 MiB unread.
   */
  write(stanza: UpstreamStanza): boolean;
}

/** The service's side of an {@link UpstreamPort}. */
export interface UpstreamReceiver {
  /** Number of stanzas written to the port and not acked. A draining connection waits for them. */
  readonly unacked: number;
  /** Takes an ack. `false`: no such stanza was written to the port, which is answered with a stanza error. */
  acked(from: string, messageId: string): boolean;
  /** Told when the connection has ended: what was not acked has to be written to another one. */
  detach(): void;
}

/** The service behind the connection servers: a device model, or a gateway that sends on. */
export interface MessagingService {
  /** @defaultValue {@link FCM_RULES} */
  readonly rules?: ProtocolRules;
  /** Checks credentials. A refusal with `authentication-failed` is a 401; any other one is the service's failure. */
  authenticate(login: Login): MaybePromise<Sender | Refusal>;
  /** Decides on one message. A rejection, or no decision in time, is answered as an internal error. */
  submit(message: IncomingMessage): MaybePromise<Decision>;
  /** Told of messages that a protocol refused before the service was asked: malformed ones, those beyond the window. */
  refused?(message: IncomingMessage, refusal: Refusal): void;
  /** Told of messages under decision that cannot be answered any more (CCS): their connection ended, or their ID was used again. */
  unanswered?(message: IncomingMessage, reason: string): void;
  /** Takes a CCS connection that is online, for upstream messages and receipts. @defaultValue none are written, and any ack is an error */
  attach?(port: UpstreamPort): UpstreamReceiver;
}
