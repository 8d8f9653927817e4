import { afterEach, describe, expect, it, vi } from "vitest";
import { atEmulator } from "./emulator-environment.ts";

afterEach(() => vi.unstubAllEnvs());

describe("the environment variable of the emulator", () => {
  it.each([{ host: "127.0.0.1" }, { port: 5_235 }])("is ignored by a client with %j", (given) => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", "nonsense");
    const options = { senderId: "1", apiKey: "k", ...given };
    expect(atEmulator(options)).toBe(options);
  });

  it("may be absent: the options stay as they are", () => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", "");
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", "");
    const options = { senderId: "1", apiKey: "k" };
    expect(atEmulator(options)).toBe(options);
  });
});
