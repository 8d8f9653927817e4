import { describe, expect, it } from "vitest";
import { isGoogleHost, parseEndpoint } from "./endpoint.ts";

describe("an endpoint", () => {
  it.each([
    [
      "https://fcm.googleapis.com/fcm/send",
      { origin: "https://fcm.googleapis.com", path: "/fcm/send", host: "fcm.googleapis.com" },
    ],
    [
      "http://localhost:8080/gcm/send?x=1",
      { origin: "http://localhost:8080", path: "/gcm/send?x=1", host: "localhost" },
    ],
    ["http://127.0.0.9/", { origin: "http://127.0.0.9", path: "/", host: "127.0.0.9" }],
    ["http://[::1]:1/", { origin: "http://[::1]:1", path: "/", host: "[::1]" }],
    ["http://gcm.localhost/", { origin: "http://gcm.localhost", path: "/", host: "gcm.localhost" }],
  ])("%s is taken apart", (address, expected) => {
    expect(parseEndpoint(address, false)).toEqual(expected);
  });

  it.each([
    ["http://fcm.googleapis.com/fcm/send", /plain http/],
    ["http://127.0.0.1.example.com/", /plain http/],
    ["http://localhost.example.com/", /plain http/],
    ["http://10.0.0.1/", /plain http/],
    ["ftp://localhost/", /must be an https: URL/],
    ["https://user:pw@example.com/", /user name or password/],
    ["https://example.com/#x", /fragment/],
    ["fcm", /must be a URL or one of gcm, gcm-http, fcm-legacy/],
  ])("%s is refused", (address, problem) => {
    expect(() => parseEndpoint(address, false)).toThrow(problem);
  });

  it("may be plain http: where the caller insists", () => {
    expect(parseEndpoint("http://10.0.0.1/x", true).origin).toBe("http://10.0.0.1");
  });

  it("is Google's by its whole domain", () => {
    expect(isGoogleHost("fcm.googleapis.com")).toBe(true);
    expect(isGoogleHost("evilgoogleapis.com")).toBe(false);
    expect(isGoogleHost("googleapis.com.example.org")).toBe(false);
  });
});
