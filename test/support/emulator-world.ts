import type { Decision, UpstreamPort, UpstreamStanza } from "@cloud-messaging/connection-server";
import { createManualClock } from "@cloud-messaging/core";
import { createModel, type Model } from "../../packages/emulator/src/create-model.ts";
import type { AppInstance, DeviceMessage } from "../../packages/emulator/src/model/app-instance.ts";
import type { CapturedMessage, ModelMessage } from "../../packages/emulator/src/model/message.ts";
import type { UpstreamItem } from "../../packages/emulator/src/model/upstream.ts";
import type { EmulatorOptions } from "../../packages/emulator/src/options.ts";
import { resolveOptions } from "../../packages/emulator/src/resolve-options.ts";

/** A service without a wire, on a clock that stands still, for tests of its rules. */
export interface TestWorld extends Model {
  /** Makes a device with an app. */
  device(options?: {
    token?: string;
    connected?: boolean;
    idle?: boolean;
    senderIds?: string[];
    packageName?: string;
  }): AppInstance;
  /** Sends to a token, a topic or a group's key. */
  send(to: string, message?: Partial<ModelMessage>): Decision;
  /** State of the newest captured message. */
  latest(): CapturedMessage;
  /** A connection of an app server that writes down what it is given. */
  port(senderId?: string): UpstreamPort & { readonly items: UpstreamItem[]; accepting: boolean };
}

/** Random numbers that repeat: the middle square would do, this is Lehmer's. */
export function seededRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export function testWorld(options: EmulatorOptions = {}): TestWorld {
  const model = createModel(resolveOptions({ clock: createManualClock(), random: seededRandom(), ...options }));
  let count = 0;
  return {
    ...model,
    device({
      token = `token-${++count}`,
      connected = true,
      idle = false,
      senderIds = ["1234567890"],
      packageName = "com.example.app",
    } = {}) {
      const device = model.registry.addDevice({ id: `device-${token}`, name: token, connected, idle });
      return model.registry.addApp(device, { id: `app-${token}`, token, packageName, senderIds });
    },
    send: (to, message = {}) =>
      model.service.send({
        protocol: "gcm-http",
        address: model.service.addressOf(to),
        to,
        data: {},
        timeToLiveSec: 2_419_200,
        wire: "{}",
        ...message,
      }),
    latest: () => model.inbox.latest() as CapturedMessage,
    port(senderId = "1234567890") {
      const items: UpstreamItem[] = [];
      const write = (item: UpstreamStanza): boolean => items.push(item as UpstreamItem) > 0;
      const port = { id: 1, senderId, accepting: true, items, write };
      model.upstream.attach(senderId, port);
      return port;
    },
  };
}

/** What an app received, by one field of the data. */
export function texts(app: AppInstance, key = "n"): (string | undefined)[] {
  return app.received.map((message: DeviceMessage) => message.messageType ?? message.data[key]);
}
