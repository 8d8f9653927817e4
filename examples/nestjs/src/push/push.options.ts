import type { CcsClientOptions } from "@cloud-messaging/ccs-client";
import type { FcmSenderOptions } from "@cloud-messaging/http-sender";
import { ConfigurableModuleBuilder } from "@nestjs/common";

/** Options of the push module: those of its sender and its client. */
export interface PushOptions {
  readonly fcm: FcmSenderOptions;
  readonly ccs: CcsClientOptions;
}

/** Base of the module, with `forRoot` and `forRootAsync`, and the token of its options. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: PUSH_OPTIONS } =
  new ConfigurableModuleBuilder<PushOptions>().setClassMethodName("forRoot").build();
