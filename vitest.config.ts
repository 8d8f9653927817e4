import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import type { TestModule } from "vitest/node";

// "@cloud-messaging/source" makes workspace packages resolve to their TypeScript sources: tests need no build.
export const conditions = ["@cloud-messaging/source", "node"];

const project = (name: string, include: string[], more: { readonly isolate?: boolean } = {}) => ({
  extends: true as const,
  test: { name, include, ...more },
});

/** The plain closing line "N passed, N failed" that CI reads. */
export const closingLine = {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const module of modules) {
      if (module.state() === "failed" && module.children.size === 0) failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed++;
        else if (state === "failed") failed++;
        else if (state === "skipped") skipped++;
      }
    }
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  },
};

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // its default of one second is short for a busy machine
    expect: { poll: { timeout: 60_000 } },
    // vitest keeps one core for itself, which leaves one file at a time on two cores; most tests wait, for sockets and processes
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      // one process for all files: most of the time of a unit test would be that of starting one and loading core
      project("unit", ["packages/*/src/**/*.test.ts"], { isolate: false }),
      project("integration", ["test/integration/**/*.test.ts"]),
      project("browser", ["test/browser/**/*.test.ts"]),
      project("conformance", ["test/conformance/**/*.test.ts"]),
      project("packaging", ["test/packaging/**/*.test.ts"]),
      {
        extends: true as const,
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["packages/*/src/**/*.test-d.ts"],
            tsconfig: "tsconfig.test.json",
          },
        },
      },
    ],
    reporters: ["default", closingLine],
    coverage: { provider: "v8", include: ["packages/*/src/**/*.ts"], reporter: ["text", "lcov"] },
  },
});
