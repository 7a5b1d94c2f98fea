import { MESH_CIPHERS, meshCurves } from "../../identity/mesh-tls.ts";
import type { Registry } from "../../metrics/registry.ts";

/** What the identity client reports; times in ms since the epoch. */
export interface IdentityMetrics {
  refreshed(nowMs: number, expiresAtMs: number): void;
  failed(): void;
}

/** `control_identity_cert_*`: the hook for the identity client. */
export function createIdentityMetrics(registry: Registry): IdentityMetrics {
  const expiration = registry.gauge(
    "control_identity_cert_expiration_timestamp_seconds",
    "Time when the proxy's mesh certificate will expire (in seconds since the UNIX epoch)",
  );
  const refresh = registry.gauge(
    "control_identity_cert_refresh_timestamp_seconds",
    "Time when the proxy's mesh certificate was last refreshed (in seconds since the UNIX epoch)",
  );
  const refreshes = registry.counter(
    "control_identity_cert_refreshes_total",
    "Times that the proxy's mesh certificate was refreshed",
    ["result"],
  );
  const tls = registry.gauge(
    "proxy_tls_info",
    "What the proxy offers in mesh TLS, best first: cipher suites and groups for the key exchange. Always 1",
    ["tls_suites", "tls_kx_groups"],
  );
  const offered = {
    tls_suites: MESH_CIPHERS.replaceAll(":", ","),
    tls_kx_groups: meshCurves().replaceAll(":", ","),
  };
  // Touched at each scrape, so that a rare event's series is not dropped as idle.
  registry.onScrape(() => {
    for (const result of ["ok", "error"] as const) refreshes.add(0, { result });
    tls.set(1, offered);
  });
  return {
    refreshed(nowMs, expiresAtMs) {
      refreshes.add(1, { result: "ok" });
      refresh.set(nowMs / 1000);
      expiration.set(expiresAtMs / 1000);
    },
    failed() {
      refreshes.add(1, { result: "error" });
    },
  };
}
