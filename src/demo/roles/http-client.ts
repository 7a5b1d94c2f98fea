import { Agent, request } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpClient {
  /** One request to the service. Rejects when it cannot be reached or is silent for `TIMEOUT_MS`. */
  send(
    method: string,
    path: string,
    options?: { readonly requestId?: string | undefined },
  ): Promise<HttpAnswer>;
  close(): void;
}

const TIMEOUT_MS = 5000;

/** A client of one Service, with connections that are kept. `service` is what the Host header says. */
export function createHttpClient(service: string, address: { host: string; port: number }): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 32, timeout: 60_000 });
  return {
    send: (method, path, options = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = request({
          agent,
          host: address.host,
          port: address.port,
          method,
          path,
          headers: {
            host: service,
            "user-agent": "meshctl-demo",
            ...(options.requestId === undefined ? {} : { "x-request-id": options.requestId }),
            ...(method === "POST" ? { "content-length": 0 } : {}),
          },
        });
        outgoing.setTimeout(TIMEOUT_MS, () =>
          outgoing.destroy(new Error(`${service} was silent for ${TIMEOUT_MS} ms`)),
        );
        outgoing.on("error", (cause) => reject(new Error(`${service}: ${cause.message}`, { cause })));
        outgoing.on("response", (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
          );
        });
        outgoing.end();
      }),
    close: () => agent.destroy(),
  };
}
