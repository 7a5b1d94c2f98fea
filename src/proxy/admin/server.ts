import type { IncomingMessage, ServerResponse } from "node:http";
import { gzip } from "node:zlib";
import { MeshError } from "../../base/error.ts";
import { isOwnHost, type Peer } from "../../policy/authorize.ts";
import { PROM_CONTENT_TYPE } from "../../wire/prom-text.ts";
import { type AdminCall, type AdminServerOptions, sendJson, sendText } from "./admin-call.ts";
import { type AdminListener, createAdminListener } from "./admin-listener.ts";
import { isAdministrator, judgeAdminRequest } from "./admin-policy.ts";
import { serveRecords } from "./records-route.ts";
import { serveStats } from "./stats-route.ts";
import { serveTap } from "./tap-route.ts";

export type AdminServer = AdminListener;

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
 * records, tap, configuration and shutdown for the own host, and over mesh TLS for identities that such a Server names.
 */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  return createAdminListener({
    ...options,
    onRequest(request, response, peer) {
      dispatch(request, response, peer, options).catch((error: unknown) => {
        options.log.warn("admin request broke", { path: request.url, error: String(error) });
        response.destroy();
      });
    },
  });
}

async function dispatch(
  request: IncomingMessage,
  response: ServerResponse,
  peer: Peer,
  options: AdminServerOptions,
): Promise<void> {
  // A target that is no path (`*`, or a broken escape) is nobody's route.
  const url = URL.parse(request.url ?? "/", "http://admin");
  const route = url && Object.hasOwn(ROUTES, url.pathname) ? ROUTES[url.pathname] : undefined;
  if (!url || !route) return sendText(response, 404, "");
  const policy = route.access === "everyone" ? undefined : options.policy?.();
  const isKeptOut =
    route.access === "own" &&
    !isOwnHost(peer.ip, options.ownNetworks) &&
    !(policy && isAdministrator(policy, request, peer));
  if (isKeptOut) return sendText(response, 403, "Requests are only permitted from the pod's own host.\n");
  if (policy && route.access === "open") {
    const verdict = judgeAdminRequest(policy, request, peer, options.ownNetworks);
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

async function serveMetrics({ request, response, options }: AdminCall): Promise<void> {
  const text = await options.observability.readMetrics();
  const wantsGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const headers = { "content-type": PROM_CONTENT_TYPE };
  if (!wantsGzip) {
    response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(text) });
    response.end(text);
    return;
  }
  await new Promise<void>((resolve, reject) => {
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
