import { request } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { MeshError } from "../base/error.ts";

/** Longest text of a refusal that is quoted. */
const REFUSAL_CHARS_MAX = 300;

/**
 * One GET over a connection that somebody else has opened (a port-forward). The connection ends with the answer.
 *
 * @param what names the other end for messages: `proxy of demo/web-1`
 * @returns the body of a 200 as a stream of text chunks
 * @throws MeshError `PROXY_REFUSED` for any other status, with the text that came; `PROXY_UNREACHABLE` when the connection broke
 */
export function getOverDuplex(
  connection: Duplex,
  path: string,
  what: string,
  signal?: AbortSignal,
): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const call = request({
      method: "GET",
      path,
      headers: { host: "proxy", accept: "application/x-ndjson" },
      createConnection: () => connection,
      ...(signal ? { signal } : {}),
    });
    call.once("error", (cause) => {
      if (signal?.aborted) return reject(signal.reason);
      reject(
        new MeshError({
          kind: "environment",
          code: "PROXY_UNREACHABLE",
          message: `${what} did not answer: ${cause.message}`,
          cause,
        }),
      );
    });
    call.once("response", (response) => {
      response.setEncoding("utf8");
      if (response.statusCode === 200) return resolve(response);
      let text = "";
      response.on("data", (chunk: string) => {
        if (text.length < REFUSAL_CHARS_MAX) text += chunk;
      });
      response.once("end", () => {
        reject(
          new MeshError({
            kind: "environment",
            code: "PROXY_REFUSED",
            message: `${what} answered ${path.split("?")[0]} with ${response.statusCode}: ${text.trim().slice(0, REFUSAL_CHARS_MAX)}`,
            hint: "a proxy of another version does not know these parameters; restart its pod",
          }),
        );
      });
    });
    call.end();
  });
}

/** Lines of a text stream; an unfinished last line is dropped, because the other end died in it. */
export async function* readLines(body: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of body) {
    rest += chunk;
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      yield rest.slice(start, end);
      start = end + 1;
    }
    rest = rest.slice(start);
  }
}
