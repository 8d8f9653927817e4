/**
 * For `node --import @cloud-messaging/emulator/redirect app.js` (or `--require`): sends the program's TLS traffic for Google's
 * messaging hosts to the emulator that `CLOUD_MESSAGING_EMULATOR_HOST` names, without a change to the program.
 *
 * It needs `CLOUD_MESSAGING_EMULATOR_CA_FILE` too, and honours `CLOUD_MESSAGING_EMULATOR_HTTPS` and `CLOUD_MESSAGING_EMULATOR_CCS`; the
 * emulator prints all four. Importing it is all: it has no exports, and throws when it does not know where the emulator is.
 *
 * @module
 */
import { readRedirectTargets } from "./redirect/environment.ts";
import { redirectTls } from "./redirect/tls.ts";

redirectTls(readRedirectTargets(process.env));
