import assert from "node:assert/strict";
import { test } from "node:test";
import { createRegistry } from "../../../../src/metrics/registry.ts";
import { createIdentityMetrics } from "../../../../src/proxy/metrics/identity-metrics.ts";
import { FakeClock } from "../../../support/clock.ts";

const isPostQuantum =
  Number(process.versions.openssl.split(".")[0]) * 100 + Number(process.versions.openssl.split(".")[1]) >=
  305;

test("metrics say which groups mesh TLS offers, the post-quantum one first where OpenSSL has it", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  createIdentityMetrics(registry);
  const [, groups] = /proxy_tls_info\{.*tls_kx_groups="([^"]+)"\} 1/.exec(registry.render()) ?? [];
  assert.equal(groups, `${isPostQuantum ? "X25519MLKEM768," : ""}X25519,P-256,P-384`);
});

test("metrics say when the certificate ends, and count renewals and failures", () => {
  const registry = createRegistry({ clock: new FakeClock() });
  const metrics = createIdentityMetrics(registry);
  metrics.refreshed(1_000_000, 2_000_000);
  metrics.failed();
  metrics.failed();
  const text = registry.render();
  assert.match(text, /control_identity_cert_expiration_timestamp_seconds 2000\n/);
  assert.match(text, /control_identity_cert_refresh_timestamp_seconds 1000\n/);
  assert.match(text, /control_identity_cert_refreshes_total\{result="ok"\} 1\n/);
  assert.match(text, /control_identity_cert_refreshes_total\{result="error"\} 2\n/);
});
