import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, isRequestProblem, readWorkloadRequest } from "../../src/identity/ca.ts";
import { createCertificateRequest, createWorkloadKey } from "../../src/identity/csr.ts";
import { generateIssuer } from "../../src/install/credentials.ts";
import type { Children } from "./children.ts";
import { type Contestant, pidOf } from "./contestants.ts";
import { BACKEND_PORTS, type Network, OPAQUE_PORTS, type Place } from "./places.ts";

/**
 * The peer: HAProxy on both sides, HTTP/2 over mutual TLS 1.3 between them, without any of a mesh's features.
 *
 * One process a side, a frontend a port. Sessions are not resumed, as the mesh's are not.
 */
export async function startHaproxy(
  network: Network,
  children: Children,
  dir: string,
  index: number,
): Promise<Contestant> {
  const place = network.place(index);
  const own = join(dir, "haproxy");
  mkdirSync(own, { recursive: true });
  const { anchorPem, pairPem } = await issueCertificate();
  writeFileSync(join(own, "pair.pem"), pairPem);
  writeFileSync(join(own, "ca.pem"), anchorPem);
  writeFileSync(join(own, "out.cfg"), outboundConfig(network, place, own));
  writeFileSync(join(own, "in.cfg"), inboundConfig(network, place, own));
  for (const name of ["pair.pem", "ca.pem", "out.cfg", "in.cfg"]) chmodSync(join(own, name), 0o644);
  chmodSync(own, 0o755);
  const command = (name: string) => ["haproxy", "-f", join(own, name)];
  const inbound = children.startQuiet("haproxy-in", network.proxyCommand("server", command("in.cfg")));
  const outbound = children.startQuiet("haproxy-out", network.proxyCommand("client", command("out.cfg")));
  network.redirect(place, { outbound: (port) => outboundPort(place, port), inbound: undefined });
  await sleep(500);
  return {
    name: "haproxy",
    entryHost: place.entryHost,
    outbound: pidOf(outbound),
    inbound: pidOf(inbound),
  };
}

/** Of the kind that the mesh's identity service gives: ECDSA P-256, one step below the anchor. */
async function issueCertificate(): Promise<{ anchorPem: string; pairPem: string }> {
  const nowMs = Date.now();
  const anchor = await generateIssuer("identity.haproxy.bench", nowMs);
  const authority = await createAuthority({
    certificatePem: anchor.certificatePem,
    keyPem: anchor.privateKeyPem,
    anchorsPem: anchor.certificatePem,
    origin: "the bench",
    nowMs,
  });
  const name = "proxy.haproxy.bench";
  const key = createWorkloadKey();
  const request = await readWorkloadRequest(createCertificateRequest(name, key), name);
  if (isRequestProblem(request)) throw new Error(request.message);
  const issued = await authority.issue(request, { nowMs, lifetimeMs: 86_400_000, skewMs: 20_000 });
  const leafPem = new X509Certificate(issued.leafDer).toString();
  return {
    anchorPem: anchor.certificatePem,
    pairPem: leafPem + String(key.export({ type: "pkcs8", format: "pem" })),
  };
}

const PORTS = Object.values(BACKEND_PORTS);

function outboundPort({ index }: Place, port: number): number {
  return 3000 + 10 * index + PORTS.indexOf(port as (typeof PORTS)[number]);
}

function inboundPort({ index }: Place, port: number): number {
  return 3500 + 10 * index + PORTS.indexOf(port as (typeof PORTS)[number]);
}

/** More connections than any work makes. Without strict limits it starts although two files each would be more than it may open. */
const GLOBAL = `global
  nbthread 1
  maxconn 15000
  no strict-limits
defaults
  timeout connect 2s
  timeout client 3600s
  timeout server 3600s
`;

function isOpaque(port: number): boolean {
  return (OPAQUE_PORTS as readonly number[]).includes(port);
}

function isHttp2(port: number): boolean {
  return port === BACKEND_PORTS.http2 || port === BACKEND_PORTS.grpc;
}

function outboundConfig(network: Network, place: Place, own: string): string {
  const host = network.kind === "namespaces" ? "0.0.0.0" : place.entryHost;
  const tls = `ssl verify required ca-file ${own}/ca.pem crt ${own}/pair.pem ssl-min-ver TLSv1.3 no-ssl-reuse`;
  const parts = PORTS.map((port) => {
    const bind = network.kind === "namespaces" ? outboundPort(place, port) : port;
    const to = `${place.serverHost}:${inboundPort(place, port)} ${tls}`;
    return `frontend f${port}
  mode ${isOpaque(port) ? "tcp" : "http"}
  bind ${host}:${bind}${isHttp2(port) ? " proto h2" : ""} backlog 16384
  default_backend b${port}
backend b${port}
  mode ${isOpaque(port) ? "tcp" : "http"}
  ${isOpaque(port) ? "" : "http-reuse always"}
  server s ${to}${isOpaque(port) ? "" : " alpn h2"}
`;
  });
  return GLOBAL + parts.join("");
}

function inboundConfig(network: Network, place: Place, own: string): string {
  const host = network.kind === "namespaces" ? "0.0.0.0" : place.serverHost;
  const tls = `ssl crt ${own}/pair.pem ca-file ${own}/ca.pem verify required ssl-min-ver TLSv1.3`;
  const parts = PORTS.map((port) => {
    const alpn = isOpaque(port) ? "" : " alpn h2";
    return `frontend f${port}
  mode ${isOpaque(port) ? "tcp" : "http"}
  bind ${host}:${inboundPort(place, port)} ${tls}${alpn} backlog 16384
  default_backend b${port}
backend b${port}
  mode ${isOpaque(port) ? "tcp" : "http"}
  ${isOpaque(port) ? "" : "http-reuse always"}
  server s ${place.appHost}:${port}${isHttp2(port) ? " proto h2" : ""}
`;
  });
  return GLOBAL + parts.join("");
}
