// Order of the site's pages. A test compares it with the pages that exist: each is listed once.
import { packages, sitePaths } from "./pages.mjs";

const page = (text, path) => ({ text, link: `/${path}` });

/** Group of the changelogs of these pages; none before the first release, which makes them. */
export function changelogsOf(pages) {
  const names = packages.filter((name) => pages.includes(`changelog/${name}.md`));
  return names.length === 0
    ? []
    : [{ text: "Changelogs", items: names.map((name) => page(name, `changelog/${name}`)) }];
}

export const sidebar = [
  {
    text: "Start",
    items: [
      page("A first message", "start"),
      page("Tutorial: a chat back end", "tutorial"),
      page("Glossary", "glossary"),
      page("Questions", "faq"),
    ],
  },
  {
    text: "Guides",
    items: [
      page("Sending", "guide"),
      page("Retries and doubt", "retries"),
      page("Registrations and sign-out", "registrations"),
      page("Registrations: plans in PostgreSQL", "registrations-plans"),
      page("CCS", "ccs"),
      page("Flow control and draining", "flow-control"),
      page("Receipts", "receipts"),
      page("The outbox", "outbox"),
      page("Campaigns", "campaigns"),
      page("At scale", "scale"),
      page("Testing", "testing"),
      page("Frameworks", "frameworks"),
      page("iOS, web and Android", "platforms"),
      page("Several projects", "projects"),
      page("Security: keys, tokens and TLS", "keys"),
      page("Observability", "observability"),
      page("Traces as printed", "observability-traces"),
      page("Performance", "performance"),
      page("The command line", "cli"),
      page("Production checklist", "production"),
      page("Troubleshooting", "troubleshooting"),
    ],
  },
  {
    text: "Moving over",
    items: [
      page("From other libraries", "migrate"),
      page("From node-gcm", "migrate/node-gcm"),
      page("From @parse/node-gcm", "migrate/parse-node-gcm"),
      page("From fcm-node", "migrate/fcm-node"),
      page("From firebase-admin", "migrate/firebase-admin"),
      page("From node-pushnotifications", "migrate/node-pushnotifications"),
      page("From @googleapis/fcm", "migrate/googleapis-fcm"),
      page("From node-xcs", "migrate/node-xcs"),
      page("Servers that cannot change: the gateway", "gateway"),
      page("Compared with other libraries", "compared"),
    ],
  },
  {
    text: "Emulator",
    items: [page("Use", "emulator"), page("Fidelity", "emulator-fidelity")],
  },
  {
    text: "Reference",
    items: [page("Errors and warnings", "errors"), page("Options", "options"), page("Control API", "control-api")],
  },
  {
    text: "Wire protocols",
    items: [
      page("FCM HTTP v1", "protocol/fcm-v1"),
      page("GCM HTTP", "protocol/gcm-http"),
      page("CCS", "protocol/ccs"),
      page("Error codes", "protocol/error-codes"),
    ],
  },
  { text: "Packages", items: packages.map((name) => page(name, `packages/${name}`)) },
  { text: "Public surface", items: packages.map((name) => page(name, `reference/${name}`)) },
  ...changelogsOf([...sitePaths().values()]),
  {
    text: "Project",
    items: [
      page("Architecture", "architecture"),
      page("Compatibility", "compatibility"),
      page("Contributing", "contributing"),
      page("Reporting a vulnerability", "security"),
      page("Versions", "versions"),
    ],
  },
];
