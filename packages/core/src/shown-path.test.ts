import { describe, expect, it } from "vitest";
import { shownPath } from "./shown-path.ts";

describe("the path of a file in an error", () => {
  it.each([
    "/etc/keys/service-account.json",
    "./key.json",
    "../keys/key",
    "key.json",
    "~/keys/my key.json",
    "C:\\Users\\ada\\key.json",
    "/var/run/secrets/gcp/key",
    "keys/demo-firebase-adminsdk-x1y2z-0123456789.json",
  ])("is told: %s", (path) => {
    expect(shownPath(path)).toBe(path);
  });

  it.each([
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "GOCSPX-0123456789abcdefghij",
    "a".repeat(64),
    `${"a".repeat(50)}.${"b".repeat(50)}.${"c".repeat(43)}`,
    `/${"A1b+".repeat(20)}`,
    "s3cr3t",
    "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBg==\n-----END PRIVATE KEY-----\n",
    '{"type":"service_account","private_key":"MIIE"}',
  ])("is not told where it may be a secret: %s", (secret) => {
    expect(shownPath(secret)).not.toContain(secret.slice(0, 5));
    expect(shownPath(secret)).toContain(`${secret.length} characters`);
  });
});
