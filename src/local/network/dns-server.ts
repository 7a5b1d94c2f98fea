import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../../base/log.ts";
import type { DnsAnswer, DnsQuestion } from "./dns-codec.ts";
import { encodeAnswer, tryDecodeQuestion } from "./dns-codec.ts";

export interface DnsServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  close(): Promise<void>;
}

export interface DnsServerOptions {
  readonly host: string;
  /** 0: any; UDP and TCP share it. */
  readonly port: number;
  readonly log: Logger;
  readonly answer: (question: DnsQuestion) => DnsAnswer;
}

const TCP_MESSAGE_BYTES_MAX = 65_535;
/** A query is one name: whoever sends more over TCP does not mean us. */
const TCP_BUFFER_BYTES_MAX = 4096;
const TCP_IDLE_MS = 5000;

/** A name server over UDP and TCP at one address. Malformed messages get no answer. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const tcp = await listenTcp(options);
  const address = tcp.server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has an address");
  let udp: UdpSocket;
  try {
    udp = await listenUdp(options, address.port);
  } catch (caught) {
    tcp.close();
    throw caught;
  }
  return {
    host: options.host,
    port: address.port,
    address: `${options.host}:${address.port}`,
    close: async () => {
      tcp.close();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
    },
  };
}

function respond(
  message: Buffer,
  bytesMax: number | undefined,
  options: DnsServerOptions,
): Buffer | undefined {
  const question = tryDecodeQuestion(message);
  if (!question) return undefined;
  try {
    return encodeAnswer(question, options.answer(question), bytesMax ?? question.udpBytesMax);
  } catch (caught) {
    options.log.error("a name was not answered", { name: question.name, error: String(caught) });
    return undefined;
  }
}

function listenUdp(options: DnsServerOptions, port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.on("message", (message, remote) => {
      const answer = respond(message, undefined, options);
      if (answer) socket.send(answer, remote.port, remote.address);
    });
    socket.bind({ address: options.host, port, exclusive: true }, () => {
      socket.off("error", reject);
      socket.on("error", (error) => options.log.warn("DNS over UDP", { error: error.message }));
      resolve(socket);
    });
  });
}

function listenTcp(options: DnsServerOptions): Promise<{ server: Server; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const answer = respond(pending.subarray(2, end), TCP_MESSAGE_BYTES_MAX, options);
        pending = pending.subarray(end);
        if (!answer) return void socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
      if (pending.length > TCP_BUFFER_BYTES_MAX) socket.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
      server.off("error", reject);
      resolve({
        server,
        close: () => {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}
