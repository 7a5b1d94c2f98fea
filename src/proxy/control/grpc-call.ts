import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { type MeshError, type MeshErrorOptions, toMeshError } from "../../base/error.ts";
import { VERSION } from "../../base/version.ts";
import { encodeGrpcFrame, GrpcFrameDecoder } from "./grpc-frame.ts";
import { grpcError, grpcErrorOf, grpcErrorOfHttp } from "./grpc-status.ts";

export interface GrpcCall {
  readonly session: ClientHttp2Session;
  readonly authority: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Uint8Array;
  /** Sent as `grpc-timeout`; enforcing it is the caller's. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
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
    let stream: ClientHttp2Stream;
    try {
      stream = call.session.request(requestHeaders(call));
    } catch (cause) {
      // The session closed between being chosen and being used.
      return reject(grpcError("UNAVAILABLE", `${call.path}: the connection is closed`, cause));
    }
    const decoder = new GrpcFrameDecoder();
    let failure: MeshError | undefined;
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;

    const fail = (error: MeshError): void => {
      failure ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const onAbort = () => fail(grpcError("CANCELLED", `${call.path}: aborted`));
    call.signal.addEventListener("abort", onAbort, { once: true });

    stream.on("response", (received) => (headers = received));
    stream.on("trailers", (received) => (trailers = received));
    stream.on("data", (chunk: Buffer) => {
      if (failure) return;
      try {
        for (const message of decoder.push(chunk)) call.onMessage(message);
      } catch (caught) {
        fail(toMeshError(caught, unreadable(call.path)));
      }
    });
    stream.on("error", (cause: Error) => {
      failure ??= grpcError("UNAVAILABLE", `${call.path}: ${cause.message}`, cause);
    });
    stream.on("close", () => {
      call.signal.removeEventListener("abort", onAbort);
      const error = failure ?? outcome(call.path, headers, trailers, decoder, stream.rstCode);
      if (error) reject(error);
      else resolve();
    });
    stream.end(encodeGrpcFrame(call.request));
  });
}

function unreadable(path: string): MeshErrorOptions {
  return {
    kind: "environment",
    code: "CONTROL_BAD_FRAME",
    message: `${path}: a message that cannot be read`,
  };
}

function requestHeaders({ authority, path, timeoutMs }: GrpcCall) {
  return {
    ":method": "POST",
    ":scheme": "http",
    ":authority": authority,
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": `meshctl-proxy/${VERSION}`,
    ...(timeoutMs === undefined ? {} : { "grpc-timeout": `${Math.ceil(timeoutMs)}m` }),
  };
}

/** Undefined when the call went well. Without messages the status may stand in the headers ("trailers only"). */
function outcome(
  path: string,
  headers: IncomingHttpHeaders,
  trailers: IncomingHttpHeaders | undefined,
  decoder: GrpcFrameDecoder,
  resetCode: number,
): MeshError | undefined {
  const source = trailers?.["grpc-status"] === undefined ? headers : trailers;
  const status = source["grpc-status"];
  if (status !== undefined) {
    const code = Number(status);
    if (code !== 0) return grpcErrorOf(code, String(source["grpc-message"] ?? ""), path);
    if (decoder.hasRemainder) return grpcError("INTERNAL", `${path}: the answer ends within a message`);
    return undefined;
  }
  const http = Number(headers[":status"]);
  if (http > 0 && http !== 200) return grpcErrorOfHttp(http, path);
  return grpcError("UNAVAILABLE", `${path}: the stream was cut (code ${resetCode}) before a status came`);
}
