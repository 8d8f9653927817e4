/** Problems that `check` names, each with its meaning and the cure. */
export const CHECK_PROBLEMS = {
  "credential-missing": {
    meaning: "There is no credential, or its file cannot be read",
    cure: "Create a key for a service account (IAM, Service accounts, Keys) and name its file with --credential.",
  },
  "credential-malformed": {
    meaning: "The file of the credential is no key of a service account, or its private key is damaged",
    cure: "Download the key again and leave the file as it is. google-services.json and the keys of client apps are something else.",
  },
  "key-refused": {
    meaning: "The key has expired, was deleted, or belongs to a disabled account",
    cure: "Look at the account's keys under IAM, Service accounts. Create a new key and put its file in the old one's place.",
  },
  "api-key-refused": {
    meaning: "The service refuses the server key",
    cure: "Check that the key is the one of this project. Google has shut down GCM: over its own endpoints no key is accepted any more.",
  },
  "clock-skewed": {
    meaning: "The clock of this machine differs from the service's by more than five minutes",
    cure: "Set the clock by NTP (timedatectl set-ntp true). Grants are valid for an hour, by the service's clock.",
  },
  "name-unknown": {
    meaning: "The host name cannot be resolved",
    cure: "Check the name, and the resolver of this machine. Behind a firewall without DNS, set HTTPS_PROXY.",
  },
  "proxy-refused": {
    meaning: "The proxy of the environment makes no connection",
    cure: "Let the proxy allow CONNECT to this host and port; give its user name and password in HTTPS_PROXY; or name the host in NO_PROXY.",
  },
  "not-reachable": {
    meaning: "No connection to the address",
    cure: "Check the address and the firewall: TCP out to port 443 for HTTP, 5235 or 5236 for CCS.",
  },
  "tls-untrusted": {
    meaning: "The certificate of the far end is not trusted",
    cure: "Behind an inspecting proxy or at an emulator, name its authority with --ca FILE (or NODE_EXTRA_CA_CERTS). Verification cannot be switched off.",
  },
  "wrong-protocol": {
    meaning: "The far end does not speak TLS, or none that both sides know",
    cure: "Check the port of the address.",
  },
  "wrong-project": {
    meaning: "The credential may not send in this project, which is not its own, or there is no such project",
    cure: "Name the credential's own project with --project, or leave the option and GOOGLE_CLOUD_PROJECT away.",
  },
  "api-disabled": {
    meaning: "The Firebase Cloud Messaging API is not enabled in the project",
    cure: "Enable fcm.googleapis.com: gcloud services enable fcm.googleapis.com --project PROJECT. It takes a few minutes.",
  },
  "permission-missing": {
    meaning: "The account may not send messages",
    cure: "Give it the role roles/firebasecloudmessaging.admin (permission cloudmessaging.messages.create) in the project.",
  },
  "login-refused": {
    meaning: "CCS refuses the login",
    cure: "Check that the sender ID is the number of the project that the server key belongs to.",
  },
  "no-answer": {
    meaning: "The service gave no usable answer",
    cure: "Run the check again; if it persists, look at the detail.",
  },
} as const satisfies Record<string, { readonly meaning: string; readonly cure: string }>;

/** Name of a problem. Stable. */
export type CheckProblem = keyof typeof CHECK_PROBLEMS;

/** Step of a check. */
export type Step =
  | "credential"
  | "name"
  | "proxy"
  | "connection"
  | "tls"
  | "clock"
  | "access token"
  | "permission"
  | "login";

/** Result of one step. */
export type Finding =
  | { readonly step: Step; readonly state: "good"; readonly detail: string }
  | { readonly step: Step; readonly state: "skipped"; readonly detail: string }
  | {
      readonly step: Step;
      readonly state: "failed";
      readonly problem: CheckProblem;
      readonly detail: string;
      readonly cure: string;
    };

/** A step without a problem. */
export function good(step: Step, detail: string): Finding {
  return { step, state: "good", detail };
}

/** A step that could not be made, or has nothing to look at. */
export function skipped(step: Step, detail: string): Finding {
  return { step, state: "skipped", detail };
}

/** A step with a problem. */
export function failed(step: Step, problem: CheckProblem, detail: string): Finding {
  return { step, state: "failed", problem, detail, cure: CHECK_PROBLEMS[problem].cure };
}
