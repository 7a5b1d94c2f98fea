import type { Clock } from "../base/clock.ts";
import type { Registry } from "./registry.ts";

/** What the system says of this process. Everything is read at a scrape. */
export interface ProcessReadings {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number | undefined;
  readonly openFds: number | undefined;
  readonly maxFds: number | undefined;
  readonly threads: number | undefined;
  /** Of all interfaces that the process sees, loopback included; absent: unknown. */
  readonly networkReceivedBytes?: number | undefined;
  readonly networkSentBytes?: number | undefined;
}

/**
 * `process_*` and `proxy_build_info`, with the names that linkerd2-proxy and Prometheus's own clients use.
 *
 * @param read readings of the process now (`readProcess` of read-process.ts)
 */
export function registerProcessMetrics(
  registry: Registry,
  options: { readonly clock: Clock; readonly version: string; readonly read: () => ProcessReadings },
): void {
  const { clock } = options;
  const startedAt = clock.monotonic();
  registry
    .gauge("process_start_time_seconds", "Time that the process started (in seconds since the UNIX epoch)")
    .set(Math.round(clock.now() / 1000));
  const build = registry.gauge("proxy_build_info", "Build of the proxy", [
    "date",
    "git_sha",
    "profile",
    "vendor",
    "version",
  ]);
  const buildLabels = {
    date: "",
    git_sha: "",
    profile: "release",
    vendor: "meshctl",
    version: options.version,
  };
  const clockTime = registry.gauge(
    "process_clock_time_seconds",
    "Current system time, seconds since the UNIX epoch",
  );
  const uptime = registry.gauge(
    "process_uptime_seconds_total",
    "Total time since the process started (in seconds)",
  );
  const cpu = registry.gauge("process_cpu_seconds_total", "Total user and system CPU time spent in seconds");
  const resident = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes");
  const virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes");
  const openFds = registry.gauge("process_open_fds", "Number of open file descriptors");
  const maxFds = registry.gauge("process_max_fds", "Maximum number of open file descriptors");
  const threads = registry.gauge("process_threads", "Number of OS threads in the process");

  const received = registry.gauge(
    "process_network_receive_bytes_total",
    "Bytes that the network interfaces of the process received",
  );
  const sent = registry.gauge(
    "process_network_transmit_bytes_total",
    "Bytes that the network interfaces of the process sent",
  );

  registry.onScrape(() => {
    const readings = options.read();
    build.set(1, buildLabels);
    clockTime.set(clock.now() / 1000);
    uptime.set((clock.monotonic() - startedAt) / 1000);
    cpu.set(readings.cpuSeconds);
    resident.set(readings.residentBytes);
    if (readings.virtualBytes !== undefined) virtual.set(readings.virtualBytes);
    if (readings.openFds !== undefined) openFds.set(readings.openFds);
    if (readings.maxFds !== undefined) maxFds.set(readings.maxFds);
    if (readings.threads !== undefined) threads.set(readings.threads);
    if (readings.networkReceivedBytes !== undefined) received.set(readings.networkReceivedBytes);
    if (readings.networkSentBytes !== undefined) sent.set(readings.networkSentBytes);
  });
}
