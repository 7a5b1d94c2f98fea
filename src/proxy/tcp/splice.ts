import type { Duplex } from "node:stream";
import { systemErrorCode } from "../../base/error.ts";
import type { Drainable } from "../../net/live-set.ts";
import { SpentBuffers } from "../../net/spent-buffer.ts";
import type { LiveTransport } from "../../observe/live-exchange.ts";
import { resetConnection } from "./reset-connection.ts";

export interface SpliceEnd {
  readonly socket: Duplex;
  readonly transport: LiveTransport;
  /** Bytes of this end that were read before the splice and belong to the other one. */
  readonly rest: Buffer;
}

export interface SpliceResult {
  /** Which end broke first, and how: both "" after an orderly close. */
  readonly leftErrno: string;
  readonly rightErrno: string;
  /** Bytes from left to right and back. */
  readonly forwardBytes: number;
  readonly backwardBytes: number;
}

/**
 * Copies bytes both ways between two sockets until both directions have ended.
 *
 * Each direction ends for itself (half-close), a full write buffer on one end stops reading on the other, and an end
 * that breaks takes the other with it, by a reset: what was cut short must not look whole. A drain does not touch it: nobody can tell when a tunnel is between two messages.
 */
export class Splice implements Drainable {
  readonly #left: SpliceEnd;
  readonly #right: SpliceEnd;
  readonly #onDone: (result: SpliceResult) => void;
  #forwardBytes = 0;
  #backwardBytes = 0;
  #openCount = 2;
  /** Chunks on their way out, oldest first. Writes end in their order. */
  readonly #forwarding: Buffer[] = [];
  readonly #backwarding: Buffer[] = [];
  readonly #forwardSpent = new SpentBuffers();
  readonly #backwardSpent = new SpentBuffers();
  #leftErrno = "";
  #rightErrno = "";

  constructor(left: SpliceEnd, right: SpliceEnd, onDone: (result: SpliceResult) => void) {
    this.#left = left;
    this.#right = right;
    this.#onDone = onDone;
  }

  start(): void {
    const left = this.#left.socket;
    const right = this.#right.socket;
    left.on("data", (chunk: Buffer) => {
      this.#left.transport.readBytes += chunk.length;
      this.#forward(chunk);
    });
    right.on("data", (chunk: Buffer) => {
      this.#right.transport.readBytes += chunk.length;
      this.#backward(chunk);
    });
    left.on("error", (error) => (this.#leftErrno ||= systemErrorCode(error) ?? "EPIPE"));
    right.on("error", (error) => (this.#rightErrno ||= systemErrorCode(error) ?? "EPIPE"));
    this.#join(left, right);
    this.#join(right, left);
    // What was read before counts as read already.
    if (this.#left.rest.length > 0) this.#forward(this.#left.rest);
    if (this.#right.rest.length > 0) this.#backward(this.#right.rest);
    this.#begin(left);
    this.#begin(right);
  }

  drain(): void {
    // Kept until its ends close it, or until the deadline destroys it.
  }

  destroy(): void {
    resetConnection(this.#left.socket);
    resetConnection(this.#right.socket);
  }

  #forward(chunk: Buffer): void {
    this.#forwardBytes += chunk.length;
    this.#right.transport.writeBytes += chunk.length;
    this.#forwarding.push(chunk);
    if (!this.#right.socket.write(chunk, this.#forwarded)) this.#left.socket.pause();
  }

  readonly #forwarded = (error?: Error | null): void => written(this.#forwarding, this.#forwardSpent, error);

  #backward(chunk: Buffer): void {
    this.#backwardBytes += chunk.length;
    this.#left.transport.writeBytes += chunk.length;
    this.#backwarding.push(chunk);
    if (!this.#left.socket.write(chunk, this.#backwarded)) this.#right.socket.pause();
  }

  readonly #backwarded = (error?: Error | null): void =>
    written(this.#backwarding, this.#backwardSpent, error);

  #join(from: Duplex, to: Duplex): void {
    from.on("end", () => to.end());
    to.on("drain", () => from.resume());
    from.on("close", () => {
      // After an orderly end on both sides `to` closes by itself, once its last bytes are out.
      if (!from.readableEnded || !from.writableFinished) resetConnection(to);
      if (--this.#openCount === 0) this.#done();
    });
  }

  /** A socket that ended or closed before we listened will not say so again. */
  #begin(socket: Duplex): void {
    const other = socket === this.#left.socket ? this.#right.socket : this.#left.socket;
    if (socket.destroyed) {
      resetConnection(other);
      if (socket.closed && --this.#openCount === 0) this.#done();
    } else if (socket.readableEnded) {
      other.end();
    } else {
      if (other.writableNeedDrain) return;
      socket.resume();
    }
  }

  #done(): void {
    this.#onDone({
      leftErrno: this.#leftErrno,
      rightErrno: this.#rightErrno,
      forwardBytes: this.#forwardBytes,
      backwardBytes: this.#backwardBytes,
    });
  }
}

/** The oldest chunk was written, or, with an error, may still be in use. */
function written(chunks: Buffer[], spent: SpentBuffers, error: Error | null | undefined): void {
  const chunk = chunks.shift();
  if (chunk && !error) spent.written(chunk);
}
