import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzip } from "node:zlib";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort, type Network, networkContains, normaliseIp } from "../../base/ip.ts";
import { PROM_CONTENT_TYPE } from "../../wire/prom-text.ts";
import { type AdminCall, type AdminServerOptions, sendJson, sendText } from "./admin-call.ts";
import { judgeAdminRequest } from "./admin-policy.ts";
import { serveRecords } from "./records-route.ts";
import { serveStats } from "./stats-route.ts";
import { serveTap } from "./tap-route.ts";

export interface AdminServer {
  /** Resolves with the bound port. @throws MeshError `ADMIN_LISTEN` */
  listen(): Promise<number>;
  /** Stops listening and ends every connection, taps included. */
  close(): Promise<void>;
}

interface Route {
  readonly methods: readonly string[];
  /**
   * `everyone`; `open`: everyone whom a Server that selects the port does not keep out; `own`: only from the pod itself (a
   * port-forward arrives so).
   */
  readonly access: "everyone" | "open" | "own";
  serve(call: AdminCall): void | Promise<void>;
}

const ROUTES: Readonly<Record<string, Route>> = {
  "/live": {
    methods: ["GET", "HEAD"],
    access: "everyone",
    serve: ({ response }) => sendText(response, 200, "live\n"),
  },
  "/ready": {
    methods: ["GET", "HEAD"],
    access: "everyone",
    serve: ({ response, options }) =>
      options.isReady() ? sendText(response, 200, "ready\n") : sendText(response, 503, "not ready\n"),
  },
  "/metrics": { methods: ["GET", "HEAD"], access: "open", serve: serveMetrics },
  "/stats": { methods: ["GET"], access: "open", serve: serveStats },
  "/records": { methods: ["GET"], access: "own", serve: serveRecords },
  "/tap": { methods: ["GET"], access: "own", serve: serveTap },
  "/config": {
    methods: ["GET"],
    access: "own",
    serve: ({ response, options }) => sendJson(response, 200, options.describeConfig()),
  },
  "/env.json": { methods: ["GET"], access: "own", serve: serveEnv },
  "/proxy-log-level": { methods: ["GET", "PUT"], access: "own", serve: serveLogLevel },
  "/shutdown": { methods: ["POST"], access: "own", serve: serveShutdown },
};

/** Longest body that a PUT may have. */
const BODY_BYTES_MAX = 1024;

/**
 * The admin port (4191): probes for everyone; metrics and stats too, unless a Server selects the port and says otherwise;
 * records, tap, configuration and shutdown for the own host. Plain HTTP only: mesh TLS on this port, which would let allowed identities in, is not there yet, so another
 * pod gets 403 from those routes whoever it is.
 */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const server: Server = createServer(
    { keepAliveTimeout: 30_000, headersTimeout: 10_000, requestTimeout: 10_000 },
    (request, response) => {
      dispatch(request, response, options).catch((error: unknown) => {
        options.log.warn("admin request broke", { path: request.url, error: String(error) });
        response.destroy();
      });
    },
  );
  return {
    listen() {
      const { host, port } = options.listen;
      return new Promise((resolve, reject) => {
        server.once("error", (error) => {
          reject(
            new MeshError({
              kind: "environment",
              code: "ADMIN_LISTEN",
              message: `the admin server cannot listen on ${joinHostPort(host, port)}: ${systemErrorCode(error) ?? error.message}`,
              hint: "free the port, or set MESHCTL_PROXY_ADMIN_LISTEN_ADDR to another address",
              cause: error,
            }),
          );
        });
        server.listen(port, host, () => {
          const bound = server.address();
          resolve(typeof bound === "object" && bound !== null ? bound.port : port);
        });
      });
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function dispatch(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  // A target that is no path (`*`, or a broken escape) is nobody's route.
  const url = URL.parse(request.url ?? "/", "http://admin");
  const route = url && Object.hasOwn(ROUTES, url.pathname) ? ROUTES[url.pathname] : undefined;
  if (!url || !route) return sendText(response, 404, "");
  if (route.access === "own" && !isOwnHost(request.socket.remoteAddress, options.ownNetworks)) {
    return sendText(response, 403, "Requests are only permitted from the pod's own host.\n");
  }
  const policy = route.access === "open" ? options.policy?.() : undefined;
  if (policy) {
    const verdict = judgeAdminRequest(policy, request, options.ownNetworks);
    if (verdict === "no route") return sendText(response, 404, "");
    if (verdict === "denied") {
      return sendText(response, 403, `Server ${policy.meta.name} does not allow this client.\n`);
    }
  }
  if (!route.methods.includes(request.method ?? "")) {
    response.setHeader("allow", route.methods.join(", "));
    return sendText(response, 405, "");
  }
  await route.serve({ request, response, url, options });
}

/** Whether a connection's source is one of the pod's own addresses. */
export function isOwnHost(remoteAddress: string | undefined, ownNetworks: readonly Network[]): boolean {
  if (remoteAddress === undefined) return false;
  const address = normaliseIp(remoteAddress);
  return ownNetworks.some((network) => networkContains(network, address));
}

function serveMetrics({ request, response, options }: AdminCall): Promise<void> {
  const text = options.observability.registry.render();
  const wantsGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const headers = { "content-type": PROM_CONTENT_TYPE };
  if (!wantsGzip) {
    response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(text) });
    response.end(text);
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    gzip(text, (error, packed) => {
      if (error) return reject(error);
      response.writeHead(200, { ...headers, "content-encoding": "gzip", "content-length": packed.length });
      response.end(packed);
      resolve();
    });
  });
}

/** All variables, or those named in the query (`?A&B`; absent ones are null). */
function serveEnv({ response, url, options }: AdminCall) {
  if (!options.env) return sendText(response, 404, "");
  const query = url.search.slice(1);
  if (query.includes("="))
    return sendJson(response, 400, { error: "the query may only name variables", status: 400 });
  const env = options.env;
  const names = query === "" ? Object.keys(env) : query.split("&").map(decodeURIComponent);
  sendJson(response, 200, Object.fromEntries(names.map((name) => [name, env[name] ?? null])));
}

async function serveLogLevel({ request, response, options }: AdminCall): Promise<void> {
  const { logLevel } = options;
  if (!logLevel) return sendText(response, 404, "");
  if (request.method === "GET") return sendText(response, 200, `${logLevel.get()}\n`);
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) {
    body += chunk;
    if (body.length > BODY_BYTES_MAX) return sendText(response, 400, "the level is too long\n");
  }
  try {
    logLevel.set(body.trim());
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return sendText(response, 400, `${error.message}\n`);
  }
  response.writeHead(204).end();
}

function serveShutdown({ response, options }: AdminCall) {
  if (!options.shutdownEnabled) return sendText(response, 404, "shutdown endpoint is not enabled\n");
  sendText(response, 200, "shutdown\n");
  options.onShutdown();
}
