/**
 * Google host names that messaging programs connect to. One list for the redirect, the server certificate, the request routing and the
 * compose recipe of docs/emulator.md: with a missing name a program would reach the real service.
 *
 * Source: protocol reference, sections 1.1, 1.2, 6 and 7.7.
 */
export const GOOGLE_HOSTS: readonly string[] = [
  // sending and device groups
  "fcm.googleapis.com",
  "fcm.mtls.googleapis.com",
  "gcm-http.googleapis.com",
  "android.googleapis.com",
  "gcm.googleapis.com",
  // CCS; gcm.googleapis.com is one of them
  "gcm-xmpp.googleapis.com",
  "gcm-preprod.googleapis.com",
  "gcm-staging.googleapis.com",
  "fcm-xmpp.googleapis.com",
  // topics
  "iid.googleapis.com",
  // access tokens
  "oauth2.googleapis.com",
  "www.googleapis.com",
  "accounts.google.com",
  // access tokens of workload identity; nothing answers there, but a subject token stays on this machine
  "sts.googleapis.com",
  "sts.mtls.googleapis.com",
  "iamcredentials.googleapis.com",
];
