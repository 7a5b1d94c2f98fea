import type { MeshError } from "../../base/error.ts";
import type { Credentials } from "../../identity/credentials.ts";
import type { ObserverSet } from "../../observe/observer-set.ts";
import type { AdminServerOptions } from "../admin/admin-call.ts";
import type { AdminServer } from "../admin/server.ts";
import type { ProxyConfig } from "../config.ts";
import {
  type MainThread,
  podWideId,
  type WorkerAnswers,
  type WorkerBirth,
  type WorkerQuestion,
} from "./messages.ts";
import { createReceivedCredentials } from "./received-credentials.ts";
import { openSharedLimits, type SharedLimits } from "./shared-limits.ts";
import type { WorkerObservations } from "./worker-observations.ts";
import { WorkerTaps } from "./worker-taps.ts";

/** What a proxy that is one worker of several has instead of being alone. */
export interface WorkerSeat {
  readonly credentials: Credentials;
  readonly shared: SharedLimits;
  /** Answers the main thread's questions, in the place of a port. */
  createAdmin(options: AdminServerOptions): AdminServer;
  /** Where the tap port's calls are answered from. */
  showExchanges(exchanges: ObserverSet): void;
  serving(): void;
  failed(error: MeshError): void;
}

/**
 * Takes the seat of a worker.
 *
 * @param identity the proxy's
 * @param onStop   the main thread asks to drain
 */
export function takeSeat(
  { index, memory }: WorkerBirth,
  main: MainThread,
  identity: Pick<ProxyConfig["identity"], "localName" | "serverName">,
  onStop: () => void,
): WorkerSeat {
  const credentials = createReceivedCredentials(identity);
  let options: AdminServerOptions | undefined;
  let taps: WorkerTaps | undefined;
  let exchanges: ObserverSet | undefined;
  /** Loaded when first asked for; what is asked of it waits in order. */
  let observations: Promise<WorkerObservations> | undefined;
  const loadObservations = async (of: ObserverSet) =>
    new (await import("./worker-observations.ts")).WorkerObservations(of, index, main);
  main.onMessage((message) => {
    switch (message.kind) {
      case "certificate":
        credentials.install(message.material);
        break;
      case "question":
        if (options) {
          void answer(message.question, options, index).then((value) =>
            main.post({ kind: "answer", id: message.id, value }),
          );
        }
        break;
      case "tap":
        taps?.open(message.id, message.request);
        break;
      case "untap":
        taps?.close(message.id);
        break;
      case "observe":
        if (exchanges) {
          observations ??= loadObservations(exchanges);
          void observations.then((loaded) => loaded.open(message.id, message.request, message.base));
        }
        break;
      case "unobserve":
        void observations?.then((loaded) => loaded.close(message.id));
        break;
      case "log-level":
        options?.logLevel?.set(message.text);
        break;
      case "stop":
        onStop();
    }
  });
  return {
    credentials,
    shared: openSharedLimits(memory, index),
    createAdmin(adminOptions) {
      options = adminOptions;
      taps = new WorkerTaps(adminOptions.observability.tap, index, adminOptions.clock, main);
      return {
        async listen() {
          main.post({ kind: "bound" });
          return 0;
        },
        async close() {
          taps?.closeAll();
        },
      };
    },
    showExchanges(shown) {
      exchanges = shown;
    },
    serving: () => main.post({ kind: "serving" }),
    failed: ({ message, hint }) => main.post({ kind: "failed", message, hint }),
  };
}

async function answer(
  question: WorkerQuestion,
  { observability }: AdminServerOptions,
  index: number,
): Promise<WorkerAnswers[WorkerQuestion["about"]]> {
  switch (question.about) {
    case "metrics":
      return observability.readMetrics();
    case "stats":
      return observability.readStats(question.windowMs);
    case "records": {
      const found = await observability.readRecords(question.query);
      return {
        ...found,
        exchanges: found.exchanges.map((exchange) => ({ ...exchange, id: podWideId(exchange.id, index) })),
      };
    }
  }
}
