import { afterEach, describe, expect, it, vi } from "vitest";
import { atEmulator } from "./emulator-environment.ts";

afterEach(() => vi.unstubAllEnvs());

describe("the environment that names an emulator", () => {
  it.each([{ host: "127.0.0.1" }, { port: 5_235 }])("changes nothing for a client that was given %j", (given) => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", "nonsense");
    const options = { senderId: "1", apiKey: "k", ...given };
    expect(atEmulator(options)).toBe(options);
  });

  it("changes nothing when it names none", () => {
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", "");
    vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", "");
    const options = { senderId: "1", apiKey: "k" };
    expect(atEmulator(options)).toBe(options);
  });
});
