import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { MeshError, toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { bind } from "../serve/bind.ts";
import {
  type AdmissionAnswer,
  type AdmissionRequest,
  encodeAdmissionReview,
  parseAdmissionReview,
} from "./admission-review.ts";
import { stampOf } from "./file-values.ts";

export interface WebhookServerOptions {
  readonly host: string;
  readonly port: number;
  /** Mounted Secret with `tls.crt` and `tls.key`. */
  readonly tlsDir: string;
  /** Who answers at a path. */
  readonly reviews: Readonly<
    Record<string, (request: AdmissionRequest) => AdmissionAnswer | Promise<AdmissionAnswer>>
  >;
  readonly log: Logger;
}

const BODY_BYTES_MAX = 10 * 1024 * 1024;
const HEADERS_TIMEOUT_MS = 15_000;

/**
 * The HTTPS server of the admission webhooks. Its certificate is looked at for each connection, so that a renewed Secret needs no restart.
 *
 * | what | answer |
 * |---|---|
 * | a review | 200: allowed, perhaps with a patch, or denied |
 * | an undecodable body | 400 |
 * | another path | 404 |
 * | we fail | 500: the webhook's failurePolicy decides, which `allowed: false` would bypass |
 */
export async function startWebhookServer(
  options: WebhookServerOptions,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const context = createContextReader(options.tlsDir, options.log);
  const first = context();
  const server = createServer(
    {
      // Some API servers speak TLS 1.2 to webhooks.
      minVersion: "TLSv1.2",
      cert: first.cert,
      key: first.key,
      headersTimeout: HEADERS_TIMEOUT_MS,
    },
    (request, response) => void answer(options, request, response),
  );
  let shown = first;
  // Before the server's own listener, which starts TLS with the certificate that is set then.
  server.prependListener("connection", () => {
    const current = context();
    if (current === shown) return;
    shown = current;
    server.setSecureContext({ ...current, minVersion: "TLSv1.2" });
    options.log.info("certificate replaced", { server: "injector" });
  });
  const port = await bind(server, options.host, options.port, "injector");
  options.log.info("listening", { server: "injector", port });
  return {
    port,
    stop() {
      server.closeIdleConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  { reviews, log }: WebhookServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
    response.end(body);
  };
  if (request.method !== "POST") return send(405, "text/plain", "only POST\n");
  const path = (request.url ?? "/").split("?")[0]!;
  const review = Object.hasOwn(reviews, path) ? reviews[path] : undefined;
  if (!review) return send(404, "text/plain", `no webhook at ${path}\n`);
  try {
    const admission = parseAdmissionReview(await readBody(request));
    send(200, "application/json", encodeAdmissionReview(admission, await review(admission)));
  } catch (caught) {
    const error = toMeshError(caught);
    const isTheirs = error.code === "INJECTOR_BAD_REVIEW";
    log.warn(isTheirs ? "bad admission review" : "admission review failed", {
      code: error.code,
      error: error.message,
      path,
    });
    send(isTheirs ? 400 : 500, "text/plain", `${error.message}\n`);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new MeshError({
        kind: "user",
        code: "INJECTOR_BAD_REVIEW",
        message: `admission review cannot be read: it is larger than ${BODY_BYTES_MAX} bytes`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The certificate as its files are now; a pair that does not load leaves the one before. */
function createContextReader(directory: string, log: Logger) {
  const certFile = join(directory, "tls.crt");
  const keyFile = join(directory, "tls.key");
  let cached: { stamp: string; cert: Buffer; key: Buffer } | undefined;
  let failedStamp = "";
  return () => {
    try {
      const stamp = `${stampOf(certFile)} ${stampOf(keyFile)}`;
      if (cached?.stamp !== stamp && (failedStamp !== stamp || !cached)) {
        failedStamp = stamp;
        const cert = readFileSync(certFile);
        const key = readFileSync(keyFile);
        // Throws unless both are PEM and belong together.
        createSecureContext({ cert, key });
        cached = { stamp, cert, key };
      }
      return cached!;
    } catch (cause) {
      if (cached) {
        log.warn("the webhook's new certificate cannot be read; the old one stays", {
          error: (cause as Error).message,
        });
        return cached;
      }
      throw new MeshError({
        kind: "environment",
        code: "INJECTOR_NO_CERTIFICATE",
        message: `the webhook's certificate in ${directory} cannot be read: ${(cause as Error).message}`,
        hint: "mount the Secret meshctl-injector-k8s-tls there (tls.crt, tls.key)",
        cause,
      });
    }
  };
}
