import { describe, expect, it } from "vitest";
import { checkMessage } from "./check-message.ts";

describe("a GCM message", () => {
  it.each(["from", "message_type", "google.x", "googlex", "gcm", "gcm.n"])(
    "refuses the reserved data key %s",
    (key) => {
      expect(checkMessage({ [key]: "x" }, undefined)).toMatchObject({ code: "invalid-data-key" });
    },
  );

  it.each([-1, 2_419_201, 1.5, Number.NaN])("refuses a time to live of %d", (ttl) => {
    expect(checkMessage({}, ttl)).toMatchObject({ code: "invalid-ttl" });
  });
});
