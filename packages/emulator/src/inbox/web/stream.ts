import { receive, type StreamEvent } from "./receive.ts";

/** Name of the policy in the page's content security policy. */
const POLICY = "inbox-worker";

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(input: string): string };
}

/** Opens the event stream: one for all tabs in a shared worker, or one per tab where shared workers are not available. */
export function openStream(tell: (event: StreamEvent) => void): () => void {
  let close = open();
  // a page in the back/forward cache receives nothing meanwhile
  const onHide = (): void => close();
  const onShow = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) close = open();
  };
  addEventListener("pagehide", onHide);
  addEventListener("pageshow", onShow);
  return () => {
    removeEventListener("pagehide", onHide);
    removeEventListener("pageshow", onShow);
    close();
  };

  function open(): () => void {
    if (typeof SharedWorker === "undefined") return receiveHere();
    let fallback: (() => void) | undefined;
    let port: MessagePort;
    try {
      const worker = new SharedWorker(workerUrl(), { type: "module" });
      worker.onerror = () => {
        fallback ??= receiveHere();
      };
      port = worker.port;
    } catch {
      return receiveHere();
    }
    port.onmessage = ({ data }) => tell(data as StreamEvent);
    return () => {
      fallback?.();
      port.postMessage("bye");
      port.close();
    };
  }

  function receiveHere(): () => void {
    return receive(new URL("emulator/v1/events", document.baseURI).href, tell);
  }
}

let trusted: string | undefined;

/** URL of the worker, the only one allowed by the page's policy. */
function workerUrl(): string {
  const url = new URL("./worker.js", import.meta.url).href;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  trusted ??= trustedTypes?.createPolicy(POLICY, { createScriptURL: () => url }).createScriptURL(url) ?? url;
  return trusted;
}
