import type { RegistrationToken } from "../message/token.ts";
import type { Registration, TokenState } from "./registration.ts";

/** State of a token that is not stored. */
export const NOT_STORED: TokenState = Object.freeze({ revision: null });

/** Answer of a database: text, numbers, or numbers as text; `null` where there is nothing. */
export type Columns = readonly unknown[];

type Column = string | null | undefined;

/**
 * Reads a registration from its columns, in this order: a place, user, token, time of the first report and of the last, platform, version of
 * the app, locale, attributes as JSON, and the state of the token.
 */
export function registrationOfColumns(columns: Columns): Registration {
  const [, userId, token, registeredAt, lastSeenAt, platform, appVersion, locale, attributes] =
    columns as readonly Column[];
  return {
    userId: userId as string,
    token: token as RegistrationToken,
    registeredAt: Number(registeredAt),
    lastSeenAt: Number(lastSeenAt),
    ...stateOfColumns(columns, 9),
    ...(platform == null ? undefined : { platform }),
    ...(appVersion == null ? undefined : { appVersion }),
    ...(locale == null ? undefined : { locale }),
    ...(attributes == null ? undefined : { attributes: JSON.parse(attributes) }),
  };
}

/**
 * Reads the state of a token from five columns: revision, time of an accepted message, and of a suspicion the sender, the refusals and the
 * time of the first.
 *
 * @param first Position of the revision.
 */
export function stateOfColumns(columns: Columns, first: number): TokenState {
  const column = (position: number): Column => columns[first + position] as Column;
  const revision = column(0);
  if (revision == null) return NOT_STORED;
  const acceptedAt = column(1);
  const sender = column(2);
  if (acceptedAt == null && sender == null) return { revision };
  return {
    revision,
    ...(acceptedAt == null ? undefined : { acceptedAt: Number(acceptedAt) }),
    ...(sender == null ? undefined : { suspicion: { sender, refusals: Number(column(3)), since: Number(column(4)) } }),
  };
}
