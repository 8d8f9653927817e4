import type { CcsClient, UpstreamMessage } from "@cloud-messaging/ccs-client";
import { Injectable, type OnModuleInit } from "@nestjs/common";
import { InjectCcsClient } from "./push/push.tokens";

/** Takes orders that apps send upstream, and confirms each to its device. */
@Injectable()
export class OrdersService implements OnModuleInit {
  constructor(@InjectCcsClient() private readonly client: CcsClient) {}

  onModuleInit(): void {
    this.client.onUpstream((message) => this.take(message));
  }

  /** CCS gets the acknowledgement when the promise fulfils; until then it delivers the message again. */
  private async take({ from, data }: UpstreamMessage): Promise<void> {
    await this.client.send(
      { target: { token: from }, data: { confirmed: data["order"] ?? "" } },
      { timeoutMs: 20_000 },
    );
  }
}
