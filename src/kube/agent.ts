import * as http from "node:http";
import * as https from "node:https";
import { isIP, type Socket } from "node:net";
import * as tls from "node:tls";
import { MeshError } from "../base/error.ts";
import type { AuthProof } from "./auth.ts";
import type { KubeConnection } from "./kubeconfig.ts";

/** Idle connections are kept this long; API servers and load balancers close theirs after minutes. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** The pool of connections to one API server with one client certificate. Requests and WebSockets share it. */
export function createAgent(
  connection: KubeConnection,
  proof: AuthProof,
  env: Readonly<Record<string, string | undefined>>,
): http.Agent {
  const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: 64 };
  const url = new URL(connection.server);
  if (url.protocol === "http:") return new http.Agent(options);
  const tlsOptions: tls.ConnectionOptions = {
    ...(connection.tls.ca === undefined ? {} : { ca: connection.tls.ca }),
    ...(proof.cert === undefined ? {} : { cert: proof.cert }),
    ...(proof.key === undefined ? {} : { key: proof.key }),
    ...(connection.tls.serverName === undefined ? {} : { servername: connection.tls.serverName }),
    rejectUnauthorized: !connection.tls.insecure,
  };
  const proxy = connection.proxyUrl ?? proxyFromEnv(url, env);
  if (proxy === undefined) return new https.Agent({ ...options, ...tlsOptions });
  return new TunnelAgent({ ...options, ...tlsOptions }, new URL(proxy));
}

/** `HTTPS_PROXY` unless `NO_PROXY` covers the host, as curl and Go read them. */
export function proxyFromEnv(
  server: URL,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const proxy = env.HTTPS_PROXY || env.https_proxy;
  if (!proxy) return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return undefined;
  for (const raw of (env.NO_PROXY ?? env.no_proxy ?? "").split(",")) {
    const pattern = raw.trim().replace(/^\*?\./, "");
    if (pattern === "*" || (pattern !== "" && (host === pattern || host.endsWith(`.${pattern}`))))
      return undefined;
  }
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** TLS through an HTTP proxy's CONNECT. */
class TunnelAgent extends https.Agent {
  readonly #proxy: URL;
  readonly #tls: https.AgentOptions;

  constructor(options: https.AgentOptions, proxy: URL) {
    super(options);
    if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
      throw new MeshError({
        kind: "environment",
        code: "KUBE_PROXY_UNSUPPORTED",
        message: `proxy ${proxy.href} of the kubeconfig or of HTTPS_PROXY is neither http nor https`,
        hint: "use an HTTP proxy, or an address that needs none",
      });
    }
    this.#proxy = proxy;
    this.#tls = options;
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, socket: Socket) => void,
  ): undefined {
    const proxy = this.#proxy;
    const target = `${options.host}:${options.port}`;
    const user =
      proxy.username === ""
        ? undefined
        : `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    const request = (proxy.protocol === "https:" ? https : http).request({
      host: proxy.hostname,
      port: proxy.port === "" ? (proxy.protocol === "https:" ? 443 : 80) : Number(proxy.port),
      method: "CONNECT",
      path: target,
      headers: {
        host: target,
        ...(user === undefined
          ? {}
          : { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` }),
      },
      timeout: CONNECT_TIMEOUT_MS,
      agent: false,
    });
    const fail = (error: Error): void => callback?.(error, undefined as never);
    request.once("timeout", () => request.destroy(new Error(`proxy ${proxy.host} did not answer`)));
    request.once("error", fail);
    request.once("connect", (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return fail(
          new Error(`proxy ${proxy.host} refused the tunnel to ${target}: HTTP ${response.statusCode}`),
        );
      }
      const host = String(options.host ?? "");
      const name = (this.#tls as tls.ConnectionOptions).servername ?? host;
      const secure = tls.connect({
        ...(this.#tls as tls.ConnectionOptions),
        socket: socket as Socket,
        // Checked against the certificate; an address may not be sent as SNI.
        host,
        ...(isIP(name) === 0 ? { servername: name } : {}),
      });
      secure.once("error", fail);
      secure.once("secureConnect", () => {
        secure.off("error", fail);
        callback?.(null, secure);
      });
    });
    request.end();
    return undefined;
  }
}
