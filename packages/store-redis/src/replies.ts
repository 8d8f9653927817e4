import type { Registration, RegistrationChange, RegistrationToken, TokenState } from "@cloud-messaging/core";

/** Value of a reply. */
export type Reply = string | number | null | readonly Reply[];

/** Reads a registration with the state of its token. */
export function registrationOf(reply: Reply): Registration {
  const values = reply as readonly Reply[];
  const [, userId, token, registeredAt, lastSeenAt, platform, appVersion, locale, attributes] = values as (
    | string
    | null
  )[];
  return {
    userId: userId as string,
    token: token as RegistrationToken,
    registeredAt: Number(registeredAt),
    lastSeenAt: Number(lastSeenAt),
    ...stateOf(values, 9),
    ...(platform == null ? undefined : { platform }),
    ...(appVersion == null ? undefined : { appVersion }),
    ...(locale == null ? undefined : { locale }),
    ...(attributes == null ? undefined : { attributes: JSON.parse(attributes) }),
  };
}

/** State of a token that is not stored. */
export const NOT_STORED: TokenState = Object.freeze({ revision: null });

/** Reads the state of a token: five values from this one on. */
export function stateOf(values: readonly Reply[], first: number): TokenState {
  const revision = values[first] as string | null | undefined;
  if (revision == null) return NOT_STORED;
  const acceptedAt = values[first + 1];
  const sender = values[first + 2] as string | null | undefined;
  if (acceptedAt == null && sender == null) return { revision };
  return {
    revision,
    ...(acceptedAt == null ? undefined : { acceptedAt: Number(acceptedAt) }),
    ...(sender == null
      ? undefined
      : { suspicion: { sender, refusals: Number(values[first + 3]), since: Number(values[first + 4]) } }),
  };
}

/** Reads an entry of the stream. */
export function changeOf(reply: Reply): RegistrationChange {
  const [id, values] = reply as readonly [string, readonly string[]];
  const fields: Record<string, string> = {};
  for (let position = 0; position < values.length; position += 2) {
    fields[values[position] as string] = values[position + 1] as string;
  }
  const { at, userIds = "[]", previousUserIds, sender, refusals, since, ...rest } = fields;
  return {
    ...rest,
    cursor: id.slice(0, id.indexOf("-")),
    at: Number(at),
    userIds: JSON.parse(userIds),
    ...(previousUserIds === undefined ? undefined : { previousUserIds: JSON.parse(previousUserIds) }),
    ...(sender === undefined ? undefined : { suspicion: { sender, refusals: Number(refusals), since: Number(since) } }),
  } as unknown as RegistrationChange;
}
