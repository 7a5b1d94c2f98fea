import type { SparseHistogram } from "../../observe/histogram.ts";
import type { HttpStatsRow, StatsKey, StatsReply, TcpStatsRow } from "../../observe/stats.ts";

/** One reply of a pod out of those of its workers: rows of the same key are added up. */
export function mergeStats(replies: readonly StatsReply[]): StatsReply {
  const [first] = replies;
  if (!first) throw new RangeError("no replies to merge");
  return {
    ...first,
    // What all of them cover.
    windowMs: Math.min(...replies.map(({ windowMs }) => windowMs)),
    uptimeMs: Math.max(...replies.map(({ uptimeMs }) => uptimeMs)),
    http: mergeRows(
      replies.flatMap(({ http }) => http),
      addHttp,
    ),
    tcp: mergeRows(
      replies.flatMap(({ tcp }) => tcp),
      addTcp,
    ),
  };
}

function mergeRows<Row extends StatsKey>(rows: readonly Row[], add: (left: Row, right: Row) => Row): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const key = keyOf(row);
    const known = byKey.get(key);
    byKey.set(key, known ? add(known, row) : row);
  }
  return [...byKey.values()];
}

function keyOf({ direction, peer, tls, target, parent, route, authorization }: StatsKey): string {
  const labels = Object.entries(peer.labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return JSON.stringify([
    direction,
    peer.identity,
    peer.ip,
    labels,
    tls,
    target,
    parent,
    route,
    authorization,
  ]);
}

function addHttp(left: HttpStatsRow, right: HttpStatsRow): HttpStatsRow {
  return {
    ...left,
    requests: left.requests + right.requests,
    successes: left.successes + right.successes,
    failures: left.failures + right.failures,
    denied: left.denied + right.denied,
    retries: left.retries + right.retries,
    timeouts: left.timeouts + right.timeouts,
    latency: addSparse(left.latency, right.latency),
  };
}

function addTcp(left: TcpStatsRow, right: TcpStatsRow): TcpStatsRow {
  return {
    ...left,
    open: left.open + right.open,
    opened: left.opened + right.opened,
    readBytes: left.readBytes + right.readBytes,
    writeBytes: left.writeBytes + right.writeBytes,
  };
}

function addSparse(left: SparseHistogram, right: SparseHistogram): SparseHistogram {
  const counts = new Map(left);
  for (const [index, count] of right) counts.set(index, (counts.get(index) ?? 0) + count);
  return [...counts].sort(([one], [other]) => one - other);
}
