import { InvalidMessageError } from "../errors.ts";
import type { DownstreamMessage, MessageContent } from "../message/downstream.ts";
import { isFid } from "../message/fid.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { RegistrationStore, Resolution } from "../registrations/registration-store.ts";
import { askStore, registrationsProblem, type StoreWait } from "../registrations/store-access.ts";
import type { DownstreamTransport } from "./downstream-transport.ts";

/**
 * Reads the user whom a message is sent to.
 *
 * @throws {InvalidMessageError} the ID is no text, or empty.
 */
export function readUserId(userId: unknown): string {
  if (typeof userId === "string" && userId !== "") return userId;
  throw new InvalidMessageError([{ path: "userId", problem: "must be a non-empty string" }]);
}

/** A message to every registration of a user, and what the store said of them. */
export interface AddressedUser {
  readonly message: DownstreamMessage;
  readonly resolution: Resolution;
}

/**
 * Addresses content to every registration of a user.
 *
 * @returns `undefined` for a user without registrations.
 * @throws {InvalidMessageError} the service cannot carry the message, or the IDs that the store has.
 * @throws what `askStore` throws.
 */
export async function addressUser(
  store: RegistrationStore,
  userId: string,
  content: MessageContent,
  transport: DownstreamTransport,
  limits: () => StoreWait,
): Promise<AddressedUser | undefined> {
  const found = await askStore(() => store.registrationsOf(userId), registrationsProblem, limits);
  if (found.length === 0) return undefined;
  if (content.messageId !== undefined && found.length > 1) throw ownMessageIdForMany(found.length);
  const tokens = found.map(({ token }) => token);
  const message = withTokens(content, tokens);
  transport.check?.(message);
  const fid = tokens.find(isFid);
  if (fid !== undefined) transport.check?.({ target: { fid } });
  return { message, resolution: { tokens, states: found } };
}

/** Addresses content to tokens. */
export function withTokens(content: MessageContent, tokens: readonly RegistrationToken[]): DownstreamMessage {
  return { ...content, target: { tokens } };
}

/** The error about one message ID for several recipients. */
export function ownMessageIdForMany(recipients: number | string): InvalidMessageError {
  return new InvalidMessageError([
    { path: "messageId", problem: `names one message, and there are ${recipients} recipients: leave it out` },
  ]);
}
