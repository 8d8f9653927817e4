import type { RegistrationChange } from "@cloud-messaging/core";

/** Value of a reply. */
export type Reply = string | number | null | readonly Reply[];

/** Reads an entry of the stream. */
export function changeOf(reply: Reply): RegistrationChange {
  const [id, values] = reply as readonly [string, readonly string[]];
  const fields: Record<string, string> = {};
  for (let position = 0; position < values.length; position += 2) {
    fields[values[position] as string] = values[position + 1] as string;
  }
  const { at, userIds = "[]", previousUserIds, sender, refusals, since, ...rest } = fields;
  // an entry has the fields of its type, as the scripts write them
  return {
    ...rest,
    cursor: id.slice(0, id.indexOf("-")),
    at: Number(at),
    userIds: JSON.parse(userIds),
    ...(previousUserIds === undefined ? undefined : { previousUserIds: JSON.parse(previousUserIds) }),
    ...(sender === undefined ? undefined : { suspicion: { sender, refusals: Number(refusals), since: Number(since) } }),
  } as unknown as RegistrationChange;
}
