import { defineConfig } from "vitest/config";
import { closingLine, conditions } from "../../vitest.config.ts";

// apart from the root's projects: the clients are installed only for this
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: "interop",
    include: ["*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["verbose", closingLine],
  },
});
