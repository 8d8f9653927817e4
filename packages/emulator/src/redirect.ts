/**
 * For `node --import @cloud-messaging/emulator/redirect app.js` (or `--require`): redirects TLS connections to Google's
 * messaging hosts to the emulator named by `CLOUD_MESSAGING_EMULATOR_HOST`, without a change to the program.
 *
 * Requires `CLOUD_MESSAGING_EMULATOR_CA_FILE`, and uses `CLOUD_MESSAGING_EMULATOR_HTTPS` and `CLOUD_MESSAGING_EMULATOR_CCS` if set; the
 * emulator prints all four. Import it for its side effect: it has no exports, and throws if a variable is missing.
 *
 * @module
 */
import { readRedirectTargets } from "./redirect/environment.ts";
import { redirectTls } from "./redirect/tls.ts";

redirectTls(readRedirectTargets(process.env));
