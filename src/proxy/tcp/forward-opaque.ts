import type { Duplex } from "node:stream";
import { toMeshError } from "../../base/error.ts";
import type { LiveSet } from "../../net/live-set.ts";
import type { LiveExchange, LiveTransport, Recorder } from "../../observe/live-exchange.ts";
import type { Accepted } from "../accept/accepted.ts";
import { Splice } from "./splice.ts";

export interface ForwardOptions {
  readonly accepted: Accepted;
  readonly live: LiveExchange;
  readonly recorder: Recorder;
  readonly liveSet: LiveSet;
  /** Opens the connection to the server, with its books. */
  readonly dial: (signal: AbortSignal) => Promise<{ socket: Duplex; transport: LiveTransport }>;
}

/** A forwarded connection that can be cut from outside. */
export interface Forwarded {
  /** @param reason short phrase for the record */
  cut(reason: string): void;
}

/**
 * Forwards a connection as opaque bytes: dials at once, whoever speaks first, then copies both ways until both have
 * ended. One record for the whole.
 */
export function forwardOpaque(options: ForwardOptions): Forwarded {
  const { accepted, live, recorder, liveSet, dial } = options;
  const abort = new AbortController();
  let splice: Splice | undefined;
  const pending = { drain() {}, destroy: () => cut("proxy is shutting down") };
  // A paused socket does not tell that its client left; one that breaks does.
  const onClientClosed = () => cut("client closed the connection");
  const cut = (reason: string): void => {
    if (live.error === "") live.error = reason;
    abort.abort();
    if (splice) splice.destroy();
    else accepted.socket.destroy();
  };
  const finish = (errno: string): void => {
    recorder.closed(live);
    accepted.released(errno);
  };
  liveSet.add(pending);
  accepted.socket.once("close", onClientClosed);
  recorder.opened(live);
  dial(abort.signal).then(
    ({ socket, transport }) => {
      accepted.socket.off("close", onClientClosed);
      recorder.transportOpened(transport);
      const started = new Splice(
        { socket: accepted.socket, transport: accepted.transport, rest: NO_BYTES },
        { socket, transport, rest: NO_BYTES },
        (result) => {
          live.requestBytes = result.forwardBytes;
          live.responseBytes = result.backwardBytes;
          const errno = result.leftErrno || result.rightErrno;
          if (live.error === "" && errno !== "") live.error = errno;
          transport.errno = result.rightErrno;
          recorder.transportClosed(transport);
          finish(result.leftErrno);
          liveSet.remove(started);
        },
      );
      splice = started;
      liveSet.add(started);
      liveSet.remove(pending);
      started.start();
    },
    (caught: unknown) => {
      if (live.error === "") live.error = toMeshError(caught).message;
      accepted.socket.destroy();
      finish("");
      liveSet.remove(pending);
    },
  );
  return { cut };
}

/** Bytes that were read ahead are pushed back into their sockets, so a splice starts with none. */
const NO_BYTES = Buffer.alloc(0);
