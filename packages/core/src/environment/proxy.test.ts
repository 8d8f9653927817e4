import { describe, expect, it } from "vitest";
import { environmentProxy, proxyProblem } from "./proxy.ts";

describe("the proxies of an environment", () => {
  it.each<[string, Record<string, string>, string | undefined, string | undefined]>([
    ["are none in an empty one", {}, undefined, undefined],
    ["are by scheme", { HTTP_PROXY: "http://a:1", HTTPS_PROXY: "http://b:2" }, "http://b:2", "http://a:1"],
    [
      "serve TLS from HTTP_PROXY where HTTPS_PROXY is missing",
      { HTTP_PROXY: "http://a:1" },
      "http://a:1",
      "http://a:1",
    ],
    ["go by lower-case names first", { https_proxy: "http://b:2", HTTPS_PROXY: "http://c:3" }, "http://b:2", undefined],
    ["are unset by an empty lower-case name", { https_proxy: "", HTTPS_PROXY: "http://c:3" }, undefined, undefined],
    ["are not those of ALL_PROXY", { ALL_PROXY: "http://a:1", all_proxy: "http://a:1" }, undefined, undefined],
    ["may have white space around them", { HTTPS_PROXY: " http://b:2 " }, "http://b:2", undefined],
  ])("%s", (_, env, https, http) => {
    const far = { host: "gcm.googleapis.com", port: 443 };
    expect(environmentProxy(env, { ...far, secure: true })).toBe(https);
    expect(environmentProxy(env, { ...far, secure: false })).toBe(http);
  });

  it.each<[string, string, number, boolean]>([
    ["*", "gcm.googleapis.com", 5_235, true],
    ["gcm.googleapis.com", "gcm.googleapis.com", 5_235, true],
    ["googleapis.com", "gcm.googleapis.com", 5_235, true],
    [".googleapis.com", "gcm.googleapis.com", 5_235, true],
    ["*.googleapis.com", "GCM.googleapis.com", 5_235, true],
    ["apis.com", "gcm.googleapis.com", 5_235, false],
    ["other, googleapis.com:5235", "gcm.googleapis.com", 5_235, true],
    ["googleapis.com:443 other", "gcm.googleapis.com", 5_235, false],
    ["10.0.0.7", "10.0.0.7", 5_235, true],
    ["[::1]:5235", "[::1]", 5_235, true],
    ["", "gcm.googleapis.com", 5_235, false],
    ["", "127.0.0.1", 5_235, true],
    ["", "localhost", 5_235, true],
    ["", "[::1]", 5_235, true],
  ])("are bypassed with NO_PROXY=%j for %s:%d: %j", (entries, host, port, bypassed) => {
    const env = { NO_PROXY: entries, HTTPS_PROXY: "http://b:2" };
    expect(environmentProxy(env, { host, port, secure: true })).toBe(bypassed ? undefined : "http://b:2");
    // one that is not taken may be what it likes
    const unusable = () => environmentProxy({ ...env, HTTPS_PROXY: "socks5://b:2" }, { host, port, secure: true });
    if (bypassed) expect(unusable()).toBeUndefined();
    else expect(unusable).toThrow(/HTTPS_PROXY/);
  });

  it.each(["proxy.corp:3128", "socks5://127.0.0.1:1080", "http://us%er:pw@127.0.0.1:3128"])(
    "are refused by the name of their variable, without the value: %s",
    (address) => {
      expect(() =>
        environmentProxy({ HTTPS_PROXY: address }, { host: "gcm.googleapis.com", port: 443, secure: true }),
      ).toThrow(/\(from HTTPS_PROXY\) (must be|has a user)/);
      expect(proxyProblem(address)).not.toContain(address);
    },
  );
});
