import * as http from "node:http";
import * as https from "node:https";
import type { Duplex, Readable } from "node:stream";
import { type Clock, sleep, systemClock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { VERSION } from "../base/version.ts";
import { createAgent } from "./agent.ts";
import { type Authenticator, type AuthProof, createAuthenticator } from "./auth.ts";
import type { KubeClient, KubeClientOptions, RawReply, RequestOptions, StreamOptions } from "./client.ts";
import { type ConnectionFacts, toConnectError, toStatusError } from "./connect-error.ts";
import { type KubeConnection, loadKubeConnection } from "./kubeconfig.ts";
import { describeRequest } from "./request-words.ts";
import { readStatusError } from "./status-error.ts";

/** Answers larger than this are refused: lists that long are asked for in pages. */
const BODY_BYTES_MAX = 512 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 60_000;
/** An overloaded server (API priority and fairness) usually asks for one second. */
const RETRY_AFTER_SECONDS_MAX = 10;
const OVERLOAD_WAITS_MAX = 3;

/**
 * Opens the cluster that the options name. Nothing is sent yet: the first request finds out whether it answers.
 *
 * Requests go over `node:https` with one keep-alive pool: it is loaded already by whoever speaks TLS, while `undici` costs 40 ms to import.
 *
 * @throws MeshError `KUBE_CONFIG_MISSING`, `KUBE_CONFIG_INVALID`, `KUBE_CONTEXT_UNKNOWN`, `KUBE_AUTH_PROVIDER`
 */
export async function createKubeClient(options: KubeClientOptions): Promise<KubeClient> {
  const connection = await loadKubeConnection(options);
  return new HttpKubeClient(connection, options);
}

interface Exchange {
  readonly response: http.IncomingMessage;
  readonly facts: ConnectionFacts;
}

class HttpKubeClient implements KubeClient {
  readonly server: string;
  readonly namespace: string;
  readonly context: string;
  readonly as: string | undefined;
  readonly #connection: KubeConnection;
  readonly #options: KubeClientOptions;
  readonly #clock: Clock;
  readonly #auth: Authenticator;
  #agent: { readonly agent: http.Agent; readonly cert: string | undefined } | undefined;

  constructor(connection: KubeConnection, options: KubeClientOptions) {
    this.server = connection.server;
    this.namespace = connection.namespace;
    this.context = connection.context;
    this.as = options.as;
    this.#connection = connection;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#auth = createAuthenticator(connection, options.env, this.#clock);
  }

  async request<T = KubeObject>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const { response, facts } = await this.#open(method, path, options, true);
    const body = await this.#body(response, method, path, facts);
    if (response.statusCode! >= 300) {
      throw toStatusError(readStatusError(response.statusCode!, body), method, path, facts);
    }
    if (body.length === 0) return undefined as T;
    try {
      return JSON.parse(body.toString("utf8")) as T;
    } catch (error) {
      throw new MeshError({
        kind: "environment",
        code: "KUBE_STATUS",
        message: `${this.server}${path} answered HTTP ${response.statusCode} with what is no JSON`,
        hint: "does the kubeconfig name a Kubernetes API server, or a proxy's login page?",
        cause: error,
      });
    }
  }

  async raw(method: string, path: string, options: RequestOptions = {}): Promise<RawReply> {
    const { response, facts } = await this.#open(method, path, options, true);
    const body = await this.#body(response, method, path, facts);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
    }
    return { status: response.statusCode!, headers, body };
  }

  async stream(path: string, options: StreamOptions): Promise<Readable> {
    const { response, facts } = await this.#open("GET", path, options, false);
    if (response.statusCode! < 300) return response;
    const body = await this.#body(response, "GET", path, facts);
    throw toStatusError(readStatusError(response.statusCode!, body), "GET", path, facts);
  }

  async portForward(namespace: string, pod: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    const { openPortForward } = await import("./port-forward.ts");
    const proof = await this.#auth.proof();
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward`;
    return openPortForward({
      url: `${this.server.replace(/^http/, "ws")}${path}?ports=${port}`,
      path,
      target: `${namespace}/${pod}:${port}`,
      port,
      headers: this.#headers(proof),
      agent: this.#agentFor(proof),
      facts: this.#facts(proof),
      signal,
    });
  }

  close(): void {
    this.#agent?.agent.destroy();
    this.#agent = undefined;
  }

  /**
   * Sends, and tries again when that can help: with new credentials after 401, over a new socket when a kept one was closed, and
   * after the wait that an overloaded server asks for (429 with Retry-After).
   */
  async #open(method: string, path: string, options: RequestOptions, bounded: boolean): Promise<Exchange> {
    let proof = await this.#auth.proof();
    let isFreshProof = false;
    let isFreshSocket = false;
    let waits = 0;
    for (;;) {
      const facts = this.#facts(proof);
      let response: http.IncomingMessage;
      try {
        response = await this.#send(method, path, options, proof, bounded);
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        if (error instanceof StaleSocketError && !isFreshSocket && isRepeatable(method, path)) {
          isFreshSocket = true;
          continue;
        }
        throw toConnectError(error instanceof StaleSocketError ? error.cause : error, facts);
      }
      const retryAfterMs = response.statusCode === 429 ? readRetryAfterMs(response) : undefined;
      if (response.statusCode === 401 && !isFreshProof && this.#auth.invalidate()) {
        isFreshProof = true;
        response.resume();
        proof = await this.#auth.proof();
      } else if (retryAfterMs !== undefined && waits < OVERLOAD_WAITS_MAX) {
        waits++;
        response.resume();
        await this.#wait(retryAfterMs, options.signal);
      } else {
        return { response, facts };
      }
    }
  }

  /** Holds the process, unlike the clock's own timers: whoever waits for an answer wants it. */
  async #wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    const hold = setInterval(() => {}, 60_000);
    try {
      await sleep(this.#clock, delayMs, signal);
    } finally {
      clearInterval(hold);
    }
  }

  #send(
    method: string,
    path: string,
    options: RequestOptions,
    proof: AuthProof,
    bounded: boolean,
  ): Promise<http.IncomingMessage> {
    const url = new URL(this.server + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    const body = encodeBody(options.body);
    const headers: http.OutgoingHttpHeaders = {
      accept: options.accept ?? "application/json",
      ...this.#headers(proof),
    };
    if (body !== undefined) {
      headers["content-type"] = options.contentType ?? "application/json";
      headers["content-length"] = body.length;
    }
    const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      const request = (url.protocol === "http:" ? http : https).request(url, {
        method,
        headers,
        agent: this.#agentFor(proof),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      // Until the head arrives; for answers that end, until their end.
      const timer = this.#clock.schedule(timeoutMs, () =>
        request.destroy(this.#timeout(method, path, timeoutMs)),
      );
      request.once("response", (response) => {
        if (bounded) response.once("close", () => timer.cancel());
        else timer.cancel();
        resolve(response);
      });
      request.once("error", (error) => {
        timer.cancel();
        const stale = request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(systemErrorCode(error) ?? "");
        reject(stale ? new StaleSocketError(error) : error);
      });
      request.end(body);
    });
  }

  async #body(
    response: http.IncomingMessage,
    method: string,
    path: string,
    facts: ConnectionFacts,
  ): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > BODY_BYTES_MAX) {
          throw new MeshError({
            kind: "environment",
            code: "KUBE_STATUS",
            message: `the answer to ${method} ${path} is larger than ${BODY_BYTES_MAX} bytes`,
            hint: "narrow the request to a namespace or a selector",
          });
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw toConnectError(error, facts);
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
  }

  #headers(proof: AuthProof): Record<string, string | string[]> {
    const { as, asGroups } = this.#options;
    return {
      "user-agent": `meshctl/${VERSION}`,
      ...(proof.authorization === undefined ? {} : { authorization: proof.authorization }),
      ...(as === undefined ? {} : { "impersonate-user": as }),
      ...(asGroups.length === 0 ? {} : { "impersonate-group": [...asGroups] }),
    };
  }

  #agentFor(proof: AuthProof): http.Agent {
    if (!this.#agent || this.#agent.cert !== proof.cert) {
      this.#agent?.agent.destroy();
      this.#agent = { agent: createAgent(this.#connection, proof, this.#options.env), cert: proof.cert };
    }
    return this.#agent.agent;
  }

  #facts(proof: AuthProof): ConnectionFacts {
    return {
      server: this.server,
      context: this.context,
      as: this.as,
      clientCert: proof.cert,
      nowMs: this.#clock.now(),
    };
  }

  #timeout(method: string, path: string, timeoutMs: number): MeshError {
    const words = describeRequest(method, path);
    return new MeshError({
      kind: "environment",
      code: "KUBE_TIMEOUT",
      message: `${words.verb} ${words.object}: the API server ${this.server} did not answer within ${timeoutMs / 1000}s`,
      hint: "check the network to the API server, or try again",
      anchor: "k8s-api",
    });
  }
}

/** Reading, and asking a question, twice is the same as once; anything else may have been done before the socket closed. */
function isRepeatable(method: string, path: string): boolean {
  return method === "GET" || method === "HEAD" || path.endsWith("reviews");
}

/** Undefined when the server names no time, or one that nobody would wait for. */
function readRetryAfterMs(response: http.IncomingMessage): number | undefined {
  const seconds = Number(response.headers["retry-after"]);
  return seconds >= 0 && seconds <= RETRY_AFTER_SECONDS_MAX ? seconds * 1000 : undefined;
}

/** A kept connection was closed by the server just as we used it; nothing of the request was answered. */
class StaleSocketError extends Error {
  constructor(cause: unknown) {
    super("stale connection", { cause });
  }
}

function encodeBody(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}
