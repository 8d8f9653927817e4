import type { RecipientOutcome, SingleSendReport } from "@cloud-messaging/core";
import { describe, expectTypeOf, it } from "vitest";
import { createDeviceGroups, createGcmHttpTransport, createGcmSender, createTopics } from "./index.ts";

describe("what callers write", () => {
  it("needs a key, and nothing else", () => {
    expectTypeOf(createGcmSender).toBeCallableWith({ apiKey: "AIza" });
    // @ts-expect-error the key is missing
    createGcmSender({});
    // @ts-expect-error certificates are always verified
    createGcmSender({ apiKey: "AIza", tls: { rejectUnauthorized: false } });
    // @ts-expect-error a transport has no retries: they are withRetry's
    createGcmHttpTransport({ apiKey: "AIza", retry: {} });
  });

  it("tells outcomes apart by their kind", () => {
    const sender = createGcmSender({ apiKey: "AIza" });
    expectTypeOf(sender.send({ target: { token: "t" } })).resolves.toEqualTypeOf<SingleSendReport>();
    const read = (outcome: RecipientOutcome) => {
      if (outcome.kind === "accepted") expectTypeOf(outcome.messageId).toEqualTypeOf<string | undefined>();
      // @ts-expect-error only an accepted message has an ID
      else outcome.messageId;
    };
    expectTypeOf(read).toBeFunction();
  });

  it("imports APNs tokens over Instance ID only", () => {
    const instanceId = createTopics({ backend: "instance-id", apiKey: "AIza" });
    expectTypeOf(instanceId.importApns).toBeFunction();
    const today = createTopics({ backend: "topic-subscriptions", projectId: "p" });
    // @ts-expect-error the service of 2026 has no such call
    today.importApns;
    // @ts-expect-error nor does it take the legacy key
    createTopics({ backend: "topic-subscriptions", apiKey: "AIza" });
  });

  it("gets a key from a group, or learns why not", async () => {
    const result = await createDeviceGroups({ apiKey: "AIza", senderId: "1" }).find("user-7");
    if (result.kind === "ok") expectTypeOf(result.notificationKey).toEqualTypeOf<string>();
    else expectTypeOf(result.recipient).toEqualTypeOf<string>();
  });
});
