import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import { type FirstBytes, lookAtFirstBytes } from "../../net/first-bytes.ts";
import type { Drainable, LiveSet } from "../../net/live-set.ts";
import type { LiveExchange, LiveTransport, Recorder } from "../../observe/live-exchange.ts";
import { detectHttp, type HttpDetection, isHttp2Settings } from "../../wire/http-detect.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import { resetConnection } from "./reset-connection.ts";
import { Splice } from "./splice.ts";

export interface DialledServer {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
}

export interface ForwardOptions {
  readonly accepted: Accepted;
  readonly live: LiveExchange;
  readonly recorder: Recorder;
  readonly liveSet: LiveSet;
  readonly clock: Clock;
  /** Opens the connection to the server, with its books. */
  readonly dial: (signal: AbortSignal) => Promise<DialledServer>;
  /**
   * Set when the client has been silent and its port has detection: takes the connection over should the client be the first
   * to speak, and speak HTTP. It has then left no trace here.
   */
  readonly onHttp?: ((version: HttpVersion) => void) | undefined;
  /** How long it may be silent and still be recognised, ms; undefined: as long as it and its server say nothing. */
  readonly lateHttpMs?: number | undefined;
}

/** A forwarded connection that can be cut from outside. */
export interface Forwarded {
  /** @param reason short phrase for the record. @param code for its `errorCode` */
  cut(reason: string, code?: string): void;
}

/** Forwards a connection as opaque bytes: one record for the whole. */
export function forwardOpaque(options: ForwardOptions): Forwarded {
  const forward = new OpaqueForward(options);
  forward.start();
  return forward;
}

/**
 *     (silent client) speculating --client speaks HTTP first--> handed over
 *                         | server speaks, or the client speaks something else, or ends
 *                         v
 *     (else) ---------> committed --dialled--> copying --both ended--> over
 *                             \--cannot dial, client gone, cut----------^
 *
 * A server that sends the settings of HTTP/2 counts as silent. The server is dialled at once in any case, so that one which
 * speaks first is heard. A slow HTTP client then costs its server a connection without bytes, instead of costing everybody the
 * sight of its requests. A client that has closed its half before it said anything is passed on as just that.
 */
class OpaqueForward implements Forwarded, Drainable {
  readonly #options: ForwardOptions;
  readonly #abort = new AbortController();
  #isCommitted = false;
  #splice: Splice | undefined;

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  start(): void {
    const { accepted, liveSet, dial, onHttp } = this.#options;
    liveSet.add(this);
    accepted.socket.once("close", this.#onClientClosed);
    const dialled = dial(this.#abort.signal);
    if (onHttp) void this.#speculate(dialled, onHttp);
    else this.#commit(dialled);
  }

  cut(reason: string, code = ""): void {
    const { live, accepted } = this.#options;
    if (live.error === "") {
      live.error = reason;
      live.errorCode = code;
    }
    this.#abort.abort();
    if (this.#splice) this.#splice.destroy();
    else resetConnection(accepted.socket);
  }

  drain(): void {
    // Kept until its ends close it, or until the deadline destroys it.
  }

  destroy(): void {
    this.cut("proxy is shutting down", "PROXY_STOPPING");
  }

  /** A paused socket does not tell that its client left; one that breaks does. */
  readonly #onClientClosed = (): void => this.cut("client closed the connection", "CLIENT_GONE");

  async #speculate(dialled: Promise<DialledServer>, onHttp: (version: HttpVersion) => void): Promise<void> {
    const { accepted, clock, liveSet } = this.#options;
    const stop = new AbortController();
    const wait = { silenceMs: undefined, clock, signal: stop.signal };
    const client = lookAtFirstBytes<HttpDetection>(accepted.socket, {
      ...wait,
      silenceMs: this.#options.lateHttpMs,
      look: (bytes) => ({ value: detectHttp(bytes), usedBytes: 0 }),
    });
    const server = dialled.then(
      ({ socket }) =>
        lookAtFirstBytes<boolean>(socket, {
          ...wait,
          look: (bytes) => ({ value: isHttp2Settings(bytes), usedBytes: 0 }),
        }),
      // That it cannot be dialled is the commit's to tell.
      (): FirstBytes<boolean> => ({ kind: "closed" }),
    );
    let speaker = await Promise.race([client.then(() => "client"), server.then(() => "server")]);
    if (speaker === "server") {
      const hello = await server;
      // Servers of HTTP/2 send their settings at once, which no client waits for: the client is still the one to speak.
      if (hello.kind === "found" && hello.value) {
        await client;
        speaker = "client";
      }
    }
    stop.abort();
    const first = await client;
    const detected = speaker === "client" && first.kind === "found" ? first.value : "not-http";
    if (detected === "not-http") {
      this.#commit(dialled);
      return;
    }
    accepted.socket.off("close", this.#onClientClosed);
    this.#abort.abort();
    dialled.then(({ socket }) => socket.destroy()).catch(() => {});
    onHttp(detected);
    liveSet.remove(this);
  }

  #commit(dialled: Promise<DialledServer>): void {
    const { live, recorder } = this.#options;
    this.#isCommitted = true;
    recorder.opened(live);
    dialled.then(
      (server) => this.#copy(server),
      (caught: unknown) => {
        if (live.error === "") {
          const error = toMeshError(caught);
          live.error = error.message;
          live.errorCode = error.code;
        }
        resetConnection(this.#options.accepted.socket);
        this.#finish("");
      },
    );
  }

  #copy({ socket, transport }: DialledServer): void {
    const { accepted, live, recorder, liveSet } = this.#options;
    accepted.socket.off("close", this.#onClientClosed);
    recorder.transportOpened(transport);
    const rest = accepted.rest ?? NO_BYTES;
    accepted.transport.readBytes += rest.length;
    const splice = new Splice(
      { socket: accepted.socket, transport: accepted.transport, rest },
      { socket, transport, rest: NO_BYTES },
      (result) => {
        live.requestBytes = result.forwardBytes;
        live.responseBytes = result.backwardBytes;
        const errno = result.leftErrno || result.rightErrno;
        if (live.error === "" && errno !== "") live.error = errno;
        transport.errno = result.rightErrno;
        recorder.transportClosed(transport);
        this.#finish(result.leftErrno);
        liveSet.remove(splice);
      },
    );
    this.#splice = splice;
    liveSet.add(splice);
    liveSet.remove(this);
    splice.start();
  }

  #finish(errno: string): void {
    const { accepted, live, recorder, liveSet } = this.#options;
    if (this.#isCommitted) recorder.closed(live);
    accepted.released(errno);
    liveSet.remove(this);
  }
}

/** Bytes that were read ahead are back in their sockets, but those of a client that has ended. */
const NO_BYTES = Buffer.alloc(0);
