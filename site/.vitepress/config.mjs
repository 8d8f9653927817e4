import { defineConfig } from "vitepress";
import { slug } from "../pages.mjs";
import { sidebar } from "../sidebar.mjs";

export default defineConfig({
  title: "cloud-messaging",
  description:
    "Push messages from a Node backend: FCM HTTP v1, GCM HTTP and CCS, one message model, one typed outcome per recipient.",
  lang: "en",
  srcDir: ".pages",
  outDir: "dist",
  cacheDir: ".cache",
  markdown: {
    anchor: { slugify: slug },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    // an empty cell of a table's head is no header of anything
    config: (md) =>
      md.core.ruler.push("empty-headers", ({ tokens }) => {
        for (const [index, { type, content }] of tokens.entries()) {
          if (type !== "inline" || content !== "" || tokens[index - 1]?.type !== "th_open") continue;
          tokens[index - 1].tag = "td";
          tokens[index + 1].tag = "td";
        }
      }),
  },
  themeConfig: {
    nav: [
      { text: "Start", link: "/start" },
      { text: "Guide", link: "/guide" },
      { text: "Troubleshooting", link: "/troubleshooting" },
      { text: "Reference", link: "/reference/http-sender" },
    ],
    sidebar,
    outline: [2, 3],
    // the index of all pages is part of the site: search asks no server
    search: { provider: "local" },
  },
});
