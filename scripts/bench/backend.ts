import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Children } from "./children.ts";
import { BACKEND_PORTS, type Network } from "./places.ts";

/** Of the response that a slow reader gets, bytes. */
export const BIG_BYTES = 1_000_000_000;

/** Starts what stands behind the proxies: nginx for HTTP, a program of ours for bytes. */
export async function startBackend(network: Network, children: Children, dir: string, places: number) {
  const hosts =
    network.kind === "namespaces"
      ? ["0.0.0.0"]
      : Array.from({ length: places }, (_, index) => network.place(index).appHost);
  const files = join(dir, "files");
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, "big"), "");
  // No blocks on the disk: reading it costs next to nothing.
  truncateSync(join(files, "big"), BIG_BYTES);
  const config = join(dir, "nginx.conf");
  writeFileSync(config, nginxConfig(hosts, dir, files));
  children.startQuiet("nginx", network.serverCommand(["nginx", "-c", config, "-p", dir]));
  const backends = fileURLToPath(new URL("loads/backends.ts", import.meta.url));
  const bytes = children.start("backends", network.serverCommand([process.execPath, backends, ...hosts]));
  await children.line("backends", bytes);
}

function nginxConfig(hosts: readonly string[], dir: string, files: string): string {
  const listen = (port: number, more = "") => hosts.map((host) => `listen ${host}:${port}${more};`).join(" ");
  const text =
    "hello from the backend 0123456789012345678901234567890123456789012345678901234567890123456789";
  return `worker_processes 1; daemon off; error_log ${dir}/nginx-error.log; pid ${dir}/nginx.pid;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_rlimit_nofile 30000;
events { worker_connections 25000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600; sendfile on;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server {
    ${listen(BACKEND_PORTS.http1)} ${listen(BACKEND_PORTS.http2, " http2")}
    root ${files};
    location = /big { default_type application/octet-stream; }
    location / { return 200 "${text}\\n"; }
  }
  server {
    ${listen(BACKEND_PORTS.grpc, " http2")}
    default_type application/grpc;
    location / { add_trailer grpc-status 0 always; return 200 "12345678901234567890"; }
  }
}
`;
}
