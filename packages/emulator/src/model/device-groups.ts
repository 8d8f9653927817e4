/** Maximum number of members of a device group. Source: docs/emulator-fidelity.md#device-groups */
const MAX_GROUP_MEMBERS = 20;

/** Maximum number of keys issued per group. Implementation limit. */
const MAX_KEYS = 50;

/** Device group. */
export interface DeviceGroup {
  readonly name: string;
  /** Project of the group, within which its name is unique. */
  readonly senderId: string;
  /** Keys issued for the group, newest last; all of them are valid. */
  readonly keys: string[];
  readonly members: Set<string>;
}

/** Result of a management call: the group, or the error text of the service. */
export type GroupAnswer = { readonly group: DeviceGroup } | { readonly error: string };

/** Device groups by project and name, and by key. */
export class DeviceGroups {
  readonly #byName = new Map<string, DeviceGroup>();
  readonly #byKey = new Map<string, DeviceGroup>();
  readonly #newKey: () => string;
  readonly #isValidToken: (token: string, senderId: string) => boolean;
  readonly #maxGroups: number;

  /** @param isValidToken True if the service knows the token for that sender; other tokens are left out of a new group silently. */
  constructor(newKey: () => string, isValidToken: (token: string, senderId: string) => boolean, maxGroups: number) {
    this.#newKey = newKey;
    this.#isValidToken = isValidToken;
    this.#maxGroups = maxGroups;
  }

  create(senderId: string, name: string, tokens: readonly string[]): GroupAnswer {
    if (this.find(senderId, name) !== undefined) return { error: "notification_key already exists" };
    const valid = new Set(tokens.filter((token) => this.#isValidToken(token, senderId)));
    if (valid.size === 0) return { error: "no valid registration ids" };
    if (valid.size > MAX_GROUP_MEMBERS) return { error: `a group has at most ${MAX_GROUP_MEMBERS} members` };
    if (this.#byName.size >= this.#maxGroups) return { error: "too many groups" };
    return { group: this.restore({ name, senderId, keys: [this.#newKey()], members: valid }) };
  }

  add(senderId: string, key: string, name: string | undefined, tokens: readonly string[]): GroupAnswer {
    const found = this.#checked(senderId, key, name);
    if ("error" in found) return found;
    const valid = tokens.filter((token) => this.#isValidToken(token, senderId));
    if (valid.length === 0) return { error: "no valid registration ids" };
    if (new Set([...found.group.members, ...valid]).size > MAX_GROUP_MEMBERS) {
      return { error: `a group has at most ${MAX_GROUP_MEMBERS} members` };
    }
    for (const token of valid) found.group.members.add(token);
    // the returned key may differ from the previous one; all remain valid
    if (found.group.keys.length < MAX_KEYS) {
      const next = this.#newKey();
      found.group.keys.push(next);
      this.#byKey.set(next, found.group);
    }
    return found;
  }

  /** Removes members; a group without members is deleted. */
  remove(senderId: string, key: string, name: string | undefined, tokens: readonly string[]): GroupAnswer {
    const found = this.#checked(senderId, key, name);
    if ("error" in found) return found;
    for (const token of tokens) found.group.members.delete(token);
    if (found.group.members.size === 0) {
      this.#byName.delete(nameKey(senderId, found.group.name));
      for (const old of found.group.keys) this.#byKey.delete(old);
    }
    return found;
  }

  find(senderId: string, name: string): DeviceGroup | undefined {
    return this.#byName.get(nameKey(senderId, name));
  }

  byKey(key: string): DeviceGroup | undefined {
    return this.#byKey.get(key);
  }

  groups(): IterableIterator<DeviceGroup> {
    return this.#byName.values();
  }

  restore(group: DeviceGroup): DeviceGroup {
    this.#byName.set(nameKey(group.senderId, group.name), group);
    for (const key of group.keys) this.#byKey.set(key, group);
    return group;
  }

  #checked(senderId: string, key: string, name: string | undefined): GroupAnswer {
    const group = this.#byKey.get(key);
    if (group === undefined || group.senderId !== senderId) return { error: "notification_key not found" };
    if (name !== undefined && name !== group.name) {
      return { error: "notification_key_name doesn't match the group name of the notification_key" };
    }
    return { group };
  }
}

const nameKey = (senderId: string, name: string): string => `${senderId}\n${name}`;
