import http2 from "node:http2";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { MeshError } from "../base/error.ts";
import { GRPC_CODES } from "../base/grpc-codes.ts";

/** Flags byte and length of a gRPC message. */
const PREFIX_BYTES = 5;

export interface FirstMessageOptions<I extends DescMessage, O extends DescMessage> {
  /** A connection to a server of the control plane. This takes and closes it. */
  readonly connection: Duplex;
  /** Trust anchors of the mesh, PEM. */
  readonly anchorsPem: string;
  /** Mesh identity that the server must have. */
  readonly identity: string;
  readonly method: DescMethod & { readonly input: I; readonly output: O };
  readonly request: MessageInitShape<I>;
  readonly signal: AbortSignal;
}

/**
 * Makes one gRPC call over mesh TLS, without a certificate of our own, and returns the first message: for a stream the state of
 * now, after which only changes would come.
 *
 * @throws MeshError `DIAGNOSTICS_CALL` with the server's status, `DIAGNOSTICS_TLS`
 */
export async function firstMessage<I extends DescMessage, O extends DescMessage>(
  options: FirstMessageOptions<I, O>,
): Promise<MessageShape<O>> {
  const { method, request, signal } = options;
  const socket = await secure(options);
  const session = http2.connect("http://mesh", { createConnection: () => socket });
  const onAbort = (): void => session.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await new Promise<MessageShape<O>>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": `/${method.parent.typeName}/${method.name}`,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const fail = (headers: http2.IncomingHttpHeaders): void => {
        const status = headers["grpc-status"];
        if (status === undefined) return;
        reject(callError(Number(status), decodeURIComponent(String(headers["grpc-message"] ?? ""))));
      };
      let buffer = Buffer.alloc(0);
      stream.on("response", fail);
      stream.on("trailers", fail);
      stream.on("error", reject);
      stream.on("data", (chunk: Buffer) => {
        buffer = Buffer.concat([buffer, chunk]);
        if (buffer.length < PREFIX_BYTES) return;
        const end = PREFIX_BYTES + buffer.readUInt32BE(1);
        if (buffer.length >= end) resolve(fromBinary(method.output, buffer.subarray(PREFIX_BYTES, end)));
      });
      stream.on("close", () => reject(signal.aborted ? signal.reason : callError(14, "the server hung up")));
      stream.end(frame(toBinary(method.input, create(method.input, request))));
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    session.destroy();
    socket.destroy();
  }
}

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX_BYTES + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function secure({
  connection,
  anchorsPem,
  identity,
}: Pick<
  FirstMessageOptions<DescMessage, DescMessage>,
  "connection" | "anchorsPem" | "identity"
>): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: connection,
      ca: anchorsPem,
      servername: identity,
      minVersion: "TLSv1.3",
    });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", (cause) => {
      connection.destroy();
      reject(
        new MeshError({
          kind: "environment",
          code: "DIAGNOSTICS_TLS",
          message: `the control plane is not who it should be, ${identity}: ${cause.message}`,
          hint: "meshctl check examines its certificates",
          cause,
        }),
      );
    });
  });
}

function callError(status: number, message: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "DIAGNOSTICS_CALL",
    message: `${message || "no message"} (${GRPC_CODES[status] ?? status})`,
  });
}
