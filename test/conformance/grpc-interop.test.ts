/** gRPC's own interoperability cases, by grpc-go's client and server, through two proxies. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type RunningProcess, runProcess, startProcess } from "../support/run-process.ts";
import { until } from "../support/until.ts";
import { goTool } from "./support/go-tools.ts";
import { CLIENT_ID, type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { recordsOf } from "./support/proxy-process.ts";
import { canConnect } from "./support/sockets.ts";

const CLIENT = await goTool("interop-client");
const SERVER = await goTool("interop-server");

/**
 * Every case of the client but those about credentials of Google's clouds, and `pick_first_unary`, which needs a server id that
 * grpc-go's server does not send (it fails without proxies too).
 */
const CASES = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
];

const ORCA_CONFIG = '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}';

describe("gRPC interop", { skip: CLIENT.missing || SERVER.missing || PAIR_MISSING }, () => {
  for (const protocol of ["detect", "http2", "opaque"] as const) {
    describe(`through two proxies, port ${protocol}`, () => {
      let pair: MeshPair;
      let server: RunningProcess;

      before(async () => {
        pair = await startMeshPair({ protocol });
        // It takes all addresses.
        server = startProcess(SERVER.path, ["-port", String(pair.appPort)]);
        await until("the server to listen", () =>
          canConnect({ host: pair.server.appHost, port: pair.appPort }),
        );
      });
      after(async () => {
        server?.child.kill();
        await pair?.stop();
      });

      for (const name of CASES) {
        test(name, async () => {
          const { host, port } = pair.entrance;
          const args = ["-server_host", host, "-server_port", String(port), "-test_case", name];
          // As grpc-go's own run of these cases does: only this balancer looks at load reports.
          if (name.startsWith("orca_")) args.push("-service_config_json", ORCA_CONFIG);
          await runProcess(CLIENT.path, args, { limitMs: 60_000 });
        });
      }

      test("the calls went by mutual TLS, and their records say so", async () => {
        const records = await recordsOf(pair.server.proxy);
        assert.ok(records.length > 0, "no records");
        assert.deepEqual([...new Set(records.map(({ peerIdentity }) => peerIdentity))], [CLIENT_ID]);
        const kinds = new Set(records.map(({ protocol: kind }) => kind));
        assert.ok(kinds.has(protocol === "opaque" ? "opaque" : "grpc"), [...kinds].join(", "));
      });
    });
  }
});
