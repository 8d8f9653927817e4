/** An event of a gateway: for logs and metrics. Has neither keys nor tokens. */
export type GatewayEvent =
  | {
      readonly type: "answered";
      readonly client: string;
      readonly project: string;
      readonly protocol: "gcm-http" | "ccs";
      /** `accepted`, or the code of the refusal. */
      readonly result: string;
      /** ID of an accepted message: FCM's, or `0:` and that of the outbox. */
      readonly messageId?: string;
      /** Reason of a refusal, in words. */
      readonly detail?: string;
      /** Unit: milliseconds. */
      readonly tookMs: number;
    }
  | {
      /** A call about device groups or topics has been answered. */
      readonly type: "management";
      readonly client: string;
      readonly project: string;
      readonly service: "device-groups" | "instance-id";
      /** HTTP status of the answer. */
      readonly status: number;
      /** Unit: milliseconds. */
      readonly tookMs: number;
    }
  | {
      readonly type: "login-refused";
      readonly protocol: "gcm-http" | "ccs";
      readonly reason: "unknown-key" | "wrong-sender" | "address" | "too-many-failures";
      readonly address?: string;
      /** Client, if the key was one of its. */
      readonly client?: string;
    }
  | {
      readonly type: "ccs-connection";
      readonly phase: "online" | "draining" | "closed";
      readonly senderId: string;
      readonly reason?: string;
    }
  | {
      /** A connection was closed: it is not from a listed proxy, or its header of the PROXY protocol is malformed or has not come in time. */
      readonly type: "connection-refused";
      readonly protocol: "gcm-http" | "ccs";
      readonly reason: string;
      readonly address?: string;
    }
  | { readonly type: "failure"; readonly error: unknown }
  | { readonly type: "notice"; readonly project: string; readonly field: string; readonly detail: string };
