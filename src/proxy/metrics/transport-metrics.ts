import type { CounterSeries, Labels, Registry } from "../../metrics/registry.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import type { Observer } from "../../observe/recorder.ts";
import { LABELS, transportLabels } from "./metric-labels.ts";

interface OpenTransport {
  readonly labels: Labels;
  readonly sum: OpenSum;
  readonly read: CounterSeries;
  readonly write: CounterSeries;
  readBytes: number;
  writeBytes: number;
}

/** Connections that are open and share their labels: a gauge is one number for all of them. */
interface OpenSum {
  readonly key: string;
  readonly labels: Labels;
  count: number;
}

/** `tcp_*`: connections that came (`peer="src"`) and that were made (`peer="dst"`). Bytes of open ones are read at each scrape. */
export function createTransportMetrics(registry: Registry): Observer {
  const labelNames = [
    "direction",
    "peer",
    ...LABELS.target,
    ...LABELS.tlsAccept,
    "server_id",
    ...LABELS.server,
    ...LABELS.endpoint,
  ];
  const openTotal = registry.counter("tcp_open_total", "Total count of opened connections", labelNames);
  const openNow = registry.gauge("tcp_open_connections", "Number of currently-open connections", labelNames);
  const readTotal = registry.counter(
    "tcp_read_bytes_total",
    "Total count of bytes read from peers",
    labelNames,
  );
  const writeTotal = registry.counter(
    "tcp_write_bytes_total",
    "Total count of bytes written to peers",
    labelNames,
  );
  const closeTotal = registry.counter("tcp_close_total", "Total count of closed connections", [
    ...labelNames,
    "errno",
  ]);

  const open = new Map<LiveTransport, OpenTransport>();
  const sums = new Map<string, OpenSum>();

  const sample = (transport: LiveTransport, state: OpenTransport): void => {
    state.read.add(transport.readBytes - state.readBytes);
    state.write.add(transport.writeBytes - state.writeBytes);
    state.readBytes = transport.readBytes;
    state.writeBytes = transport.writeBytes;
  };
  registry.onScrape(() => {
    for (const [transport, state] of open) sample(transport, state);
    for (const { labels, count } of sums.values()) openNow.set(count, labels);
  });

  return {
    transportOpened(transport) {
      const labels = transportLabels(transport);
      const key = JSON.stringify(labels);
      openTotal.add(1, labels);
      const sum = sums.get(key) ?? { key, labels, count: 0 };
      sum.count++;
      sums.set(key, sum);
      open.set(transport, {
        labels,
        sum,
        read: readTotal.with(labels),
        write: writeTotal.with(labels),
        readBytes: 0,
        writeBytes: 0,
      });
    },
    transportClosed(transport) {
      const state = open.get(transport);
      if (!state) return;
      open.delete(transport);
      sample(transport, state);
      closeTotal.add(1, { ...state.labels, errno: transport.errno });
      state.sum.count--;
      openNow.set(state.sum.count, state.labels);
      if (state.sum.count === 0) sums.delete(state.sum.key);
    },
  };
}
