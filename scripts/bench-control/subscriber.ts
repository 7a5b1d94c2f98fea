/**
 * A process of subscribers, as proxies are: connections to the destination service in mesh TLS, five streams of endpoints on each.
 * Told by messages of the parent; what came is counted here and handed over at the end.
 */

import { create, toBinary } from "@bufbuild/protobuf";
import { GetDestinationSchema } from "../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { systemClock } from "../../src/base/clock.ts";
import { createMeshContext, meshClientOptions } from "../../src/identity/mesh-tls.ts";
import { connectControl } from "../../src/proxy/control/connect-control.ts";
import { callGrpc } from "../../src/proxy/control/grpc-call.ts";
import { GrpcSession } from "../../src/proxy/control/grpc-session.ts";
import { readMarker } from "./marker.ts";
import type { SubscriberOrder, SubscriberReport, SubscriberTotals } from "./messages.ts";

const STREAMS_A_CONNECTION = 5;
/** Connections that are being made at once: as many proxies restart, but one process makes them. */
const CONNECTING_MAX = 50;
const GET = "/io.linkerd.proxy.destination.Destination/Get";

let answered = 0;
let expected = 0;
let isOver = false;
/** Ids of changes and when each message came, in turn, ms of the machine's monotonic clock. */
let seen: number[] = [];
let messages = 0;

function tell(report: SubscriberReport): void {
  process.send!(report);
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** One connection that is made again whenever it is lost. */
class Subscriber {
  readonly #order: SubscriberOrder & { do: "subscribe" };
  readonly #paths: readonly string[];

  constructor(order: SubscriberOrder & { do: "subscribe" }, paths: readonly string[]) {
    this.#order = order;
    this.#paths = paths;
  }

  async connect(): Promise<void> {
    while (!isOver) {
      try {
        await this.#open();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
      }
    }
  }

  async #open(): Promise<void> {
    const { port, host, identity, trustAnchorsPem, certificatePem, keyPem } = this.#order;
    context ??= createMeshContext({ trustAnchorsPem, identity: { certificatePem, keyPem } });
    const current = { client: context, server: context, expiresAtMs: 0 };
    const tls = meshClientOptions(
      { localName: "", current: () => current },
      { serverName: identity, expectIdentity: identity },
    );
    const socket = await connectControl({
      ip: host,
      port,
      sourceHost: undefined,
      tls,
      timeoutMs: 60_000,
      clock: systemClock,
    });
    await new Promise<void>((resolve, reject) => {
      let isReady = false;
      const session: GrpcSession = new GrpcSession({
        socket,
        clock: systemClock,
        onReady: () => {
          isReady = true;
          for (const path of this.#paths) this.#subscribe(session, path);
          resolve();
        },
        onRetired() {},
        onClosed: () => {
          reject(new Error("closed"));
          if (isReady && !isOver) void this.connect();
        },
      });
    });
  }

  #subscribe(session: GrpcSession, path: string): void {
    let isFirst = true;
    const request = create(GetDestinationSchema, {
      path,
      contextToken: JSON.stringify({ ns: "bench", nodeName: "", pod: "client" }),
    });
    callGrpc({
      session,
      authority: "bench",
      path: GET,
      request: toBinary(GetDestinationSchema, request),
      signal: never.signal,
      onMessage(bytes) {
        messages++;
        if (isFirst) {
          isFirst = false;
          if (++answered === expected) tell({ kind: "answered", atMs: nowMs() });
          return;
        }
        const id = readMarker(bytes);
        if (id !== undefined) seen.push(id, nowMs());
      },
    }).catch((error: Error) => {
      if (!isOver && isFirst) tell({ kind: "refused", message: error.message });
    });
  }
}

const never = new AbortController();
let context: ReturnType<typeof createMeshContext> | undefined;

async function subscribe(order: SubscriberOrder & { do: "subscribe" }): Promise<void> {
  const subscribers: Subscriber[] = [];
  for (let first = 0; first < order.paths.length; first += STREAMS_A_CONNECTION) {
    subscribers.push(new Subscriber(order, order.paths.slice(first, first + STREAMS_A_CONNECTION)));
  }
  expected = order.paths.length;
  const next = subscribers.values();
  const worker = async () => {
    for (const subscriber of next) await subscriber.connect();
  };
  await Promise.all(Array.from({ length: CONNECTING_MAX }, worker));
}

// Without its parent nobody wants the report.
process.once("disconnect", () => process.exit(0));

process.on("message", (order: SubscriberOrder) => {
  switch (order.do) {
    case "subscribe":
      void subscribe(order);
      return;
    case "expect again":
      answered = 0;
      return;
    case "report": {
      const totals: SubscriberTotals = { kind: "totals", seen, messages };
      seen = [];
      messages = 0;
      tell(totals);
      return;
    }
    case "end":
      isOver = true;
      process.disconnect?.();
      setImmediate(() => process.exit(0));
  }
});
