/**
 * An application whose traffic tests route: it says who it is and what has reached it. `node routed.ts`, in a pod.
 *
 * | request | does |
 * |---|---|
 * | `POST /call` `{ service, path, headers }` | one GET to a Service by its service variables; the answer says what came back |
 * | `POST /grpc` `{ service, path, headers, count }` | so many gRPC calls on one connection; the answer says which application took how many, and the last status |
 * | `GET /seen` | the targets of all requests so far |
 * | `GET /fail-first/<id>` | 503 to the first request with this id, then as below |
 * | `GET /down/<name>` | 500 of the application of that name, of others as below |
 * | `GET /never` | no answer |
 * | anything else | 200 with its name, the request's target and headers |
 *
 * On port 7070 it answers gRPC calls, whatever they are.
 */

import { createServer, get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import * as http2 from "node:http2";

const { LISTEN_HOST: host = "::", APP: app } = process.env;
const failed = new Set<string>();
const seen: string[] = [];

interface Call {
  readonly service: string;
  readonly path: string;
  readonly headers?: IncomingHttpHeaders;
}

function addressOf(service: string): { host: string | undefined; port: string | undefined } {
  const name = service.toUpperCase().replaceAll("-", "_");
  return { host: process.env[`${name}_SERVICE_HOST`], port: process.env[`${name}_SERVICE_PORT`] };
}

async function grpc({
  service,
  path,
  headers = {},
  count,
}: Call & { readonly count: number }): Promise<unknown> {
  const { host: address, port } = addressOf(service);
  const session = http2.connect(`http://${address}:${port}`);
  session.on("error", () => {});
  const taken: Record<string, number> = {};
  let status = "";
  for (let done = 0; done < count; done++) {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      ":authority": service,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    await new Promise<void>((resolve) => {
      const read = (fields: http2.IncomingHttpHeaders): void => {
        if (fields["grpc-status"] !== undefined) status = String(fields["grpc-status"]);
        if (fields["x-app"]) taken[String(fields["x-app"])] = (taken[String(fields["x-app"])] ?? 0) + 1;
      };
      stream.once("response", read).once("trailers", read).once("close", resolve);
      stream.on("error", (error) => (status = error.message));
      stream.resume().end();
    });
  }
  session.close();
  return { taken, status };
}

function call({ service, path, headers = {} }: Call): Promise<unknown> {
  const target = addressOf(service);
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
  if (url === "/grpc") return reply(await grpc(JSON.parse(await readText(request))));
  if (url === "/seen") return reply(seen);
  if (url !== "/ready") seen.push(url);
  if (url === "/never") return;
  if (url.startsWith("/fail-first/") && !failed.has(url)) {
    failed.add(url);
    return reply({ app, url }, 503);
  }
  if (url === `/down/${app}`) return reply({ app, url }, 500);
  reply({ app, url, headers });
}).listen(8080, host);
http2
  .createServer()
  .on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "x-app": app },
      { waitForTrailers: true },
    );
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.resume().once("end", () => stream.end());
  })
  .listen(7070, host);
process.once("SIGTERM", () => process.exit(0));
