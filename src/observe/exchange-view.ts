import type { Exchange } from "./exchange.ts";
import type { LiveExchange } from "./live-exchange.ts";

/** Bytes of a path that records keep. */
export const PATH_BYTES_MAX = 96;

/** A live exchange as the world sees it now. */
export function viewExchange(live: LiveExchange): Exchange {
  const cut = Buffer.byteLength(live.path) > PATH_BYTES_MAX;
  return {
    id: live.id,
    protocol: live.protocol,
    direction: live.direction,
    openedAtMs: live.openedAtMs,
    client: live.client,
    server: live.server,
    peerIdentity: live.peerIdentity,
    tls: live.tls,
    labels: live.labels,
    target: live.target,
    method: live.method,
    authority: live.authority,
    path: cut ? cutPath(live.path) : live.path,
    ...(cut ? { pathTruncated: true } : {}),
    parent: live.parent,
    route: live.route,
    authorization: live.authorization,
    verdict: live.verdict,
    status: live.status,
    grpcStatus: live.grpcStatus,
    error: live.error,
    attempts: live.attempts,
    endpointReason: live.endpointReason,
    queueUs: sinceUs(live, live.queued),
    dialUs: sinceUs(live, live.dialled),
    tlsUs: sinceUs(live, live.secured),
    responseUs: sinceUs(live, live.responded),
    closedUs: sinceUs(live, live.closed),
    requestBytes: live.requestBytes,
    responseBytes: live.responseBytes,
  };
}

/** Microseconds from an exchange's opening to a monotonic instant; -1 when that was not reached. */
export function sinceUs(live: LiveExchange, instant: number): number {
  return instant < 0 ? -1 : Math.max(0, Math.round((instant - live.opened) * 1000));
}

/** The first 96 bytes of a path, less a character that would be split. */
function cutPath(path: string): string {
  const bytes = Buffer.alloc(PATH_BYTES_MAX);
  return bytes.toString("utf8", 0, bytes.write(path, 0, PATH_BYTES_MAX, "utf8"));
}
