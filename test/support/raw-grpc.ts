import http2, { type ClientHttp2Session } from "node:http2";
import { type ConnectionOptions, connect } from "node:tls";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** What one call brought: messages so far, and the gRPC status when it has ended. */
export interface RawCall<O extends DescMessage> {
  readonly messages: MessageShape<O>[];
  readonly ended: Promise<{ readonly status: string; readonly message: string }>;
  /** Resolves when so many messages have come. */
  until(count: number): Promise<void>;
  cancel(): void;
}

/** A gRPC client made of node:http2 and five-byte prefixes only, over mesh TLS without ALPN, as proxies speak. */
export async function openRawGrpc(
  port: number,
  tls: ConnectionOptions,
): Promise<{
  call<I extends DescMessage, O extends DescMessage>(
    path: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): RawCall<O>;
  close(): void;
}> {
  const socket = connect({ ...tls, host: "127.0.0.1", port });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const session: ClientHttp2Session = http2.connect("http://mesh", { createConnection: () => socket });
  session.on("error", () => {});
  return {
    call(path, input, output, request) {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      const body = toBinary(input, create(input, request));
      const frame = Buffer.alloc(5 + body.length);
      frame.writeUInt32BE(body.length, 1);
      frame.set(body, 5);
      stream.end(frame);
      const messages: MessageShape<typeof output>[] = [];
      let wake = (): void => {};
      let buffer = Buffer.alloc(0);
      let status = { status: "", message: "" };
      const read = (headers: http2.IncomingHttpHeaders): void => {
        if (headers["grpc-status"] === undefined) return;
        status = {
          status: String(headers["grpc-status"]),
          message: decodeURIComponent(String(headers["grpc-message"] ?? "")),
        };
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("error", () => {});
      stream.on("data", (chunk: Buffer) => {
        buffer = Buffer.concat([buffer, chunk]);
        while (buffer.length >= 5 && buffer.length >= 5 + buffer.readUInt32BE(1)) {
          const end = 5 + buffer.readUInt32BE(1);
          messages.push(fromBinary(output, buffer.subarray(5, end)));
          buffer = buffer.subarray(end);
        }
        wake();
      });
      const ended = new Promise<typeof status>((resolve) =>
        stream.once("close", () => {
          wake();
          resolve(status);
        }),
      );
      return {
        messages,
        ended,
        async until(count) {
          while (messages.length < count) {
            if (stream.closed)
              throw new Error(`the call ended with status ${status.status} ${status.message}`);
            await new Promise<void>((resolve) => (wake = resolve));
          }
        },
        cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL),
      };
    },
    close: () => session.destroy(),
  };
}
