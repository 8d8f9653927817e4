import type { RegistrationChange } from "@cloud-messaging/core";
import type { ChangePage } from "@cloud-messaging/core/transport";
import type { Row } from "@cloud-messaging/postgres";

/** Reads a part of the change feed: the last row has the place to go on from. */
export function changePageOf(rows: readonly Row[]): ChangePage {
  const [cursor] = rows.at(-1) as Row;
  const changes = rows.slice(0, -1).map(([place, at, body]) => {
    return { cursor: place, at: Number(at), ...JSON.parse(body as string) } as RegistrationChange;
  });
  return { changes, cursor: cursor as string };
}
