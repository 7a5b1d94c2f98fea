import { type MeshError, type MeshErrorOptions, toMeshError } from "../../base/error.ts";
import { VERSION } from "../../base/version.ts";
import { H2Code } from "../../wire/h2-protocol.ts";
import type { H2Stream } from "../../wire/h2-stream.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import { RequestHead, type ResponseHead } from "../../wire/http1-head.ts";
import { encodeGrpcFrame, GrpcFrameDecoder } from "./grpc-frame.ts";
import type { GrpcSession } from "./grpc-session.ts";
import { grpcError, grpcErrorOf, grpcErrorOfHttp } from "./grpc-status.ts";

/** Names and values. */
export type GrpcMetadata = readonly (readonly [name: string, value: string])[];

export interface GrpcCall {
  readonly session: GrpcSession;
  readonly authority: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Uint8Array;
  /** More header fields. */
  readonly metadata?: GrpcMetadata | undefined;
  /** Sent as `grpc-timeout`; enforcing it is the caller's. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
  /** The response's head has come. */
  readonly onHead?: (status: number) => void;
  /** Each message, as it comes. What it throws ends the call. */
  readonly onMessage: (message: Uint8Array) => void;
}

/**
 * One gRPC call with one request message, over an HTTP/2 session.
 *
 * @returns when the server ended the call with status OK
 * @throws MeshError `CONTROL_<STATUS>` for another status, for a broken stream (UNAVAILABLE) and when aborted (CANCELLED)
 * @see https://github.com/grpc/grpc/blob/v1.60.0/doc/PROTOCOL-HTTP2.md
 */
export function callGrpc(call: GrpcCall): Promise<void> {
  return new Promise((resolve, reject) => {
    if (call.signal.aborted) return reject(grpcError("CANCELLED", `${call.path}: aborted`));
    const decoder = new GrpcFrameDecoder();
    let head: ResponseHead | undefined;
    let isOver = false;

    const finish = (error: MeshError | undefined): void => {
      if (isOver) return;
      isOver = true;
      call.signal.removeEventListener("abort", onAbort);
      if (error) reject(error);
      else resolve();
    };
    const fail = (error: MeshError): void => {
      stream?.reset(H2Code.cancel);
      finish(error);
    };
    const onAbort = () => fail(grpcError("CANCELLED", `${call.path}: aborted`));

    const stream: H2Stream | undefined = call.session.open({
      responseHead(received) {
        if (!head) call.onHead?.(received.status);
        head = received;
      },
      bodyData(view) {
        try {
          for (const message of decoder.push(view)) if (!isOver) call.onMessage(message);
        } catch (caught) {
          fail(toMeshError(caught, unreadable(call.path)));
        }
        return true;
      },
      bodyEnd: (trailers) => finish(outcome(call.path, head, trailers, decoder)),
      wasReset: (_code, message) => finish(grpcError("UNAVAILABLE", `${call.path}: ${message}`)),
      drained() {},
    });
    if (!stream) {
      // The session closed, or its streams ran out, between being chosen and being used.
      return reject(grpcError("UNAVAILABLE", `${call.path}: the connection takes no more calls`));
    }
    call.signal.addEventListener("abort", onAbort, { once: true });
    stream.sendRequest(requestHead(call), call.path, false);
    stream.sendData(encodeGrpcFrame(call.request));
    stream.sendEnd(undefined);
  });
}

function unreadable(path: string): MeshErrorOptions {
  return {
    kind: "environment",
    code: "CONTROL_BAD_FRAME",
    message: `${path}: a message that cannot be read`,
  };
}

function requestHead({ authority, path, timeoutMs, metadata }: GrpcCall): RequestHead {
  const head = new RequestHead();
  head.method = "POST";
  head.target = path;
  head.body = "chunked";
  head.fields.append("host", authority);
  head.fields.append("te", "trailers");
  head.fields.append("content-type", "application/grpc");
  head.fields.append("user-agent", `meshctl-proxy/${VERSION}`);
  if (timeoutMs !== undefined) head.fields.append("grpc-timeout", `${Math.ceil(timeoutMs)}m`);
  if (metadata) for (const [name, value] of metadata) head.fields.append(name, value);
  return head;
}

/** Undefined when the call went well. Without messages the status may stand in the headers ("trailers only"). */
function outcome(
  path: string,
  head: ResponseHead | undefined,
  trailers: Fields | undefined,
  decoder: GrpcFrameDecoder,
): MeshError | undefined {
  const source = trailers?.has("grpc-status") ? trailers : head?.fields;
  const status = source?.get("grpc-status");
  if (status !== undefined) {
    const code = Number(status);
    if (code !== 0) return grpcErrorOf(code, source?.get("grpc-message") ?? "", path);
    if (decoder.hasRemainder) return grpcError("INTERNAL", `${path}: the answer ends within a message`);
    return undefined;
  }
  const http = head?.status ?? 0;
  if (http > 0 && http !== 200) return grpcErrorOfHttp(http, path);
  return grpcError("UNAVAILABLE", `${path}: the stream ended before a status came`);
}
