import {
  createDeviceGroups,
  createTopics,
  type DeviceGroups,
  type FcmSenderOptions,
  type Topics,
} from "@cloud-messaging/http-sender";

/** Options of a project's sender. */
type ProjectOptions = Omit<FcmSenderOptions, "timeoutMs" | "clock">;

/** Management clients of each project, with its credential and connection options; each is created with its first use. */
export class ManagementClients {
  readonly #projects: Readonly<Record<string, ProjectOptions>>;
  readonly #groups = new Map<string, DeviceGroups>();
  readonly #topics = new Map<string, Topics>();

  constructor(projects: Readonly<Record<string, ProjectOptions>>) {
    this.#projects = projects;
  }

  /** Device groups of a project; its sender IDs are those of the config. */
  groups(project: string, senderId: string): DeviceGroups {
    return lookUp(this.#groups, `${project} ${senderId}`, () => {
      const { endpoint, options } = this.#optionsOf(project);
      return createDeviceGroups({
        ...options,
        senderId,
        ...(endpoint === undefined ? {} : { endpoint: `${endpoint}/fcm/notification` }),
      });
    });
  }

  /** Topic subscriptions of a project. */
  topics(project: string): Topics {
    return lookUp(this.#topics, project, () => {
      const { endpoint, options } = this.#optionsOf(project);
      return createTopics({ ...options, backend: "instance-id", ...(endpoint === undefined ? {} : { endpoint }) });
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#groups.values(), ...this.#topics.values()].map((client) => client.close()));
  }

  #optionsOf(project: string) {
    const {
      credential = "application-default",
      endpoint,
      tls,
      proxy,
      allowInsecure,
      retry,
    } = this.#projects[project] ?? {};
    return {
      // an emulator, or a proxy of the operator's, has all services at one address
      endpoint: endpoint === undefined ? undefined : new URL(endpoint).origin,
      options: {
        credential,
        ...(tls === undefined ? {} : { tls }),
        ...(proxy === undefined ? {} : { proxy }),
        ...(allowInsecure === undefined ? {} : { allowInsecure }),
        ...(retry === undefined ? {} : { retry }),
      },
    };
  }
}

function lookUp<T>(map: Map<string, T>, key: string, create: () => T): T {
  let found = map.get(key);
  if (found === undefined) {
    found = create();
    map.set(key, found);
  }
  return found;
}
