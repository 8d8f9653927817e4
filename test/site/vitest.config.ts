import { defineConfig } from "vitest/config";
import { closingLine } from "../../vitest.config.ts";

export default defineConfig({
  root: import.meta.dirname,
  test: {
    name: "site",
    include: ["*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["verbose", closingLine],
  },
});
