import type { DownstreamMessageInput, FcmSender } from "@cloud-messaging/http-sender";
import { Body, Controller, HttpCode, Post } from "@nestjs/common";
import { InjectFcmSender } from "./push/push.tokens";

/** Body of `POST /messages`: a token, and the content of a message. The sender checks it. */
type MessageBody = Omit<DownstreamMessageInput, "target"> & { readonly token: string };

/** `POST /messages`: sends over FCM HTTP v1. */
@Controller("messages")
export class MessagesController {
  constructor(@InjectFcmSender() private readonly sender: FcmSender) {}

  @Post()
  @HttpCode(200)
  async send(@Body() { token, ...content }: MessageBody): Promise<{ kind: string; code: string | undefined }> {
    const { outcome } = await this.sender.send({ ...content, target: { token } }, { timeoutMs: 20_000 });
    return { kind: outcome.kind, code: "code" in outcome ? outcome.code : undefined };
  }
}
