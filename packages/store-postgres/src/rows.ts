import type {
  ChangePage,
  Registration,
  RegistrationChange,
  RegistrationToken,
  TokenState,
} from "@cloud-messaging/core";
import type { Row } from "@cloud-messaging/postgres";

/** Reads a row of the view `registered`. */
export function registrationOf(row: Row): Registration {
  const [, userId, token, registeredAt, lastSeenAt, platform, appVersion, locale, attributes] = row;
  return {
    userId: userId as string,
    token: token as RegistrationToken,
    registeredAt: Number(registeredAt),
    lastSeenAt: Number(lastSeenAt),
    ...stateOf(row, 9),
    ...(platform == null ? undefined : { platform }),
    ...(appVersion == null ? undefined : { appVersion }),
    ...(locale == null ? undefined : { locale }),
    ...(attributes == null ? undefined : { attributes: JSON.parse(attributes) }),
  };
}

/** State of a token that is not stored. */
export const NOT_STORED: TokenState = Object.freeze({ revision: null });

/** Reads the state of a token: five columns from this one on. */
export function stateOf(row: Row, first: number): TokenState {
  const revision = row[first];
  if (revision == null) return NOT_STORED;
  const acceptedAt = row[first + 1];
  const sender = row[first + 2];
  if (acceptedAt == null && sender == null) return { revision };
  return {
    revision,
    ...(acceptedAt == null ? undefined : { acceptedAt: Number(acceptedAt) }),
    ...(sender == null
      ? undefined
      : { suspicion: { sender, refusals: Number(row[first + 3]), since: Number(row[first + 4]) } }),
  };
}

/** Reads a part of the change feed: the last row has the place to go on from. */
export function changePageOf(rows: readonly Row[]): ChangePage {
  const [cursor] = rows.at(-1) as Row;
  const changes = rows.slice(0, -1).map(([place, at, body]) => {
    return { cursor: place, at: Number(at), ...JSON.parse(body as string) } as RegistrationChange;
  });
  return { changes, cursor: cursor as string };
}
