import { describe, expect, it } from "vitest";
import { type EmulatorProcess, findEmulator, readEmulatorCa } from "./emulator-environment.ts";

function aProcess(env: Record<string, string>) {
  const warnings: { text: string; code: string }[] = [];
  const process: EmulatorProcess = {
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [`CLOUD_MESSAGING_EMULATOR_${name}`, value])),
    emitWarning: (text, { code }) => warnings.push({ text, code }),
  };
  return { process, warnings };
}

const both = { HTTPS: "emulator.lan:8096", CA_FILE: "ca.pem" };

describe("the emulator that an environment names", () => {
  it.each<[Record<string, string>, "http" | "ccs", object | undefined]>([
    [{}, "http", undefined],
    [{ HOST: "" }, "http", undefined],
    [{ CCS: "127.0.0.1:5235" }, "http", undefined],
    [{ HOST: "127.0.0.1:8095" }, "http", { host: "127.0.0.1", port: 8095, secure: false, key: "emulator" }],
    [{ HOST: "[::1]:8095", KEY: "k" }, "http", { host: "::1", authority: "[::1]:8095", key: "k" }],
    [{ HOST: "127.0.0.1:8095", ...both }, "http", { authority: "127.0.0.1:8095", secure: false }],
    [{ HOST: "emulator.lan:8095", ...both }, "http", { authority: "emulator.lan:8096", secure: true }],
    [{ HOST: "emulator.lan:8095", CA_FILE: "ca.pem" }, "http", { authority: "emulator.lan:8095", secure: false }],
    [{ HOST: "[::1]:8095" }, "ccs", { host: "::1", port: 5235, authority: "[::1]:5235", secure: true }],
    [{ HOST: "a:1", CCS: "b:2" }, "ccs", { host: "b", port: 2, secure: true, key: "emulator" }],
  ])("%j is for %s %j", (env, protocol, address) => {
    const found = findEmulator(aProcess(env).process, protocol, "test");
    if (address === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(address);
  });

  it.each(["nonsense", "host", "http://127.0.0.1:1", "a b:1", "host:0", "host:65536", "[zz]:1", "me:pw@host:1"])(
    "is refused by the variable's name: %j",
    (HOST) => {
      const { process } = aProcess({ HOST });
      expect(() => findEmulator(process, "http", "test")).toThrow(/CLOUD_MESSAGING_EMULATOR_HOST: must be host:port/);
    },
  );

  it("is warned of once per process, however many clients there are", () => {
    const { process, warnings } = aProcess({ HOST: "prod.lan:80" });
    for (const transport of ["gcm-http", "topics"]) findEmulator(process, "http", transport);
    findEmulator(process, "ccs", "ccs");
    expect(warnings).toEqual([
      { code: "CLOUD_MESSAGING_EMULATOR", text: expect.stringMatching(/EMULATOR_HOST is set .* prod\.lan:80/) },
    ]);
  });

  it("has its certificate authority in a file that the environment names", () => {
    const { process } = aProcess({ CA_FILE: "ca.pem" });
    expect(readEmulatorCa(process, (file) => `content of ${file}`)).toBe("content of ca.pem");
    expect(() => readEmulatorCa(aProcess({}).process, String)).toThrow(/CLOUD_MESSAGING_EMULATOR_CA_FILE: is not set/);
    const missing = (): never => {
      throw Object.assign(new Error("x"), { code: "ENOENT" });
    };
    expect(() => readEmulatorCa(process, missing)).toThrow(/CA_FILE: names a file that cannot be read \(ENOENT\)/);
  });
});
