/**
 * An application whose traffic tests route: it says who it is and what has reached it. `node routed.ts`, in a pod.
 *
 * | request | does |
 * |---|---|
 * | `POST /call` `{ service, path, headers }` | one GET to a Service by its service variables; the answer says what came back |
 * | `GET /fail-first/<id>` | 503 to the first request with this id, then as below |
 * | `GET /never` | no answer |
 * | anything else | 200 with its name, the request's target and headers |
 */
import { createServer, get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";

const { LISTEN_HOST: host = "::", APP: app } = process.env;
const failed = new Set<string>();
const seen: string[] = [];

interface Call {
  readonly service: string;
  readonly path: string;
  readonly headers?: IncomingHttpHeaders;
}

function call({ service, path, headers = {} }: Call): Promise<unknown> {
  const name = service.toUpperCase().replaceAll("-", "_");
  const target = { host: process.env[`${name}_SERVICE_HOST`], port: process.env[`${name}_SERVICE_PORT`] };
  return new Promise((resolve) => {
    const outgoing = get({ ...target, path, headers: { host: service, ...headers } }, async (response) => {
      const body = await readText(response);
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    outgoing.once("error", (error) => resolve({ status: 0, headers: {}, body: error.message }));
  });
}

async function readText(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message.setEncoding("utf8")) text += chunk;
  return text;
}

createServer(async (request, response) => {
  const { url = "/", headers } = request;
  const reply = (value: unknown, status = 200): void => {
    response.writeHead(status, { "content-type": "application/json", "x-app": app });
    response.end(JSON.stringify(value));
  };
  if (url === "/call") return reply(await call(JSON.parse(await readText(request)) as Call));
  if (url === "/seen") return reply(seen);
  if (url !== "/ready") seen.push(url);
  if (url === "/never") return;
  if (url.startsWith("/fail-first/") && !failed.has(url)) {
    failed.add(url);
    return reply({ app, url }, 503);
  }
  reply({ app, url, headers });
}).listen(8080, host);
process.once("SIGTERM", () => process.exit(0));
