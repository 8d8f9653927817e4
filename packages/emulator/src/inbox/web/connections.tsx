import type { Api } from "./api.ts";
import { clockTime } from "./format.ts";
import { useEffect } from "./preact.ts";
import type { InboxState } from "./state.ts";
import { Empty } from "./ui.tsx";

/** Polling interval: pending counts are not part of any event. Unit: milliseconds. */
const REFRESH_MS = 1000;

const TONES: Readonly<Record<string, string>> = { online: "good", draining: "waiting" };

/** Connected CCS app servers. */
export function Connections({ state, api, onRefresh }: { state: InboxState; api: Api; onRefresh: () => void }) {
  useEffect(() => {
    const timer = setInterval(onRefresh, REFRESH_MS);
    return () => clearInterval(timer);
  }, [onRefresh]);
  const { connections, violations } = state;
  return (
    <section class="pane page" aria-label="Connections">
      <header class="page-head">
        <h2>App servers on CCS</h2>
        <div class="actions">
          <button type="button" disabled={connections.length === 0} onClick={() => void api.drain()}>
            Drain all
          </button>
          <button type="button" class="danger" disabled={connections.length === 0} onClick={() => api.cut()}>
            Cut all
          </button>
        </div>
      </header>
      <div class="scroll">
        {connections.length === 0 ? (
          <Empty title="No connection">
            <p>An app server that connects to the CCS port and logs in shows up here.</p>
          </Empty>
        ) : (
          <table class="grid">
            <thead>
              <tr>
                <th scope="col">Connection</th>
                <th scope="col">Phase</th>
                <th scope="col">Sender</th>
                <th scope="col" class="number">
                  Pending
                </th>
                <th scope="col" class="number">
                  Upstream unacked
                </th>
                <th scope="col">
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {connections.map(({ id, phase, senderId, jid, pending, unackedUpstream }) => (
                <tr key={id}>
                  <th scope="row">
                    #{id} <code class="muted">{jid}</code>
                  </th>
                  <td>
                    <span class={`badge ${TONES[phase] ?? "neutral"}`}>
                      <span class="sign" aria-hidden="true" />
                      {phase}
                    </span>
                  </td>
                  <td>{senderId}</td>
                  <td class="number" data-label="pending">
                    {pending}
                  </td>
                  <td class="number" data-label="upstream unacked">
                    {unackedUpstream}
                  </td>
                  <td>
                    <div class="actions">
                      <button type="button" class="small" onClick={() => api.drain(id)}>
                        Drain
                      </button>
                      <button type="button" class="small danger" onClick={() => api.cut(id)}>
                        Cut
                      </button>
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {violations.length > 0 ? (
          <section>
            <h3>Rules broken by clients</h3>
            <ul class="remarks">
              {violations.map(({ at, connectionId, detail }) => (
                <li key={`${at} ${detail}`}>
                  <time>{clockTime(at)}</time> {connectionId === undefined ? "" : `#${connectionId} `}
                  {detail}
                </li>
              ))}
            </ul>
          </section>
        ) : undefined}
      </div>
    </section>
  );
}
