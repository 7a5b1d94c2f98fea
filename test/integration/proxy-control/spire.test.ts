import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { Destination } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { SpiffeWorkloadAPI } from "../../../src/api/gen/spiffe/workload_pb.js";
import { readSvid, type Svid } from "../../../src/identity/svid.ts";
import {
  type FakeCall,
  type FakeControlPlane,
  startFakeControlPlane,
} from "../../support/fake-control-plane.ts";
import {
  endpointsAt,
  type ProxyPair,
  serverPolicy,
  skipProxyPair,
  startProxyPair,
} from "../../support/proxy-pair.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";
import { issueSvid } from "../../support/test-svid.ts";
import { until } from "../../support/until.ts";

const CLIENT = "spiffe://mesh.example/client";
const WEB = "spiffe://mesh.example/web";
const WEB_NAME = "web.mesh.example";

interface Agent {
  readonly api: FakeControlPlane;
  /** The streams that are open or were, in order. */
  readonly streams: Stream[];
}
type Stream = FakeCall<
  typeof SpiffeWorkloadAPI.method.fetchX509SVID.input,
  typeof SpiffeWorkloadAPI.method.fetchX509SVID.output
>;

/** A Workload API on a Unix socket, which sends one document to whoever asks. */
async function startAgent(path: string, svid: Svid): Promise<Agent> {
  const api = await startFakeControlPlane({ path });
  const streams: Stream[] = [];
  api.answer(SpiffeWorkloadAPI.method.fetchX509SVID, (call) => {
    streams.push(call);
    sendSvid(call, svid);
  });
  return { api, streams };
}

function sendSvid(call: Stream, { spiffeId, certificatesDer, keyDer, bundleDer }: Svid): void {
  call.send({ svids: [{ spiffeId, x509Svid: certificatesDer, x509SvidKey: keyDer, bundle: bundleDer }] });
}

function allow(identity: string): object {
  return {
    metadata: { kind: { case: "default", value: "by-name" } },
    networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
    authentication: {
      permit: {
        case: "meshTLS",
        value: { clients: { case: "identities", value: { identities: [{ name: identity }] } } },
      },
    },
  };
}

for (const workers of [1, 2]) {
  describe(`certificates from SPIRE, server of ${workers} threads`, { skip: skipProxyPair }, () => {
    let directory: string;
    let ca: TestMeshCa;
    let pair: ProxyPair;
    let clientAgent: Agent;
    let serverAgent: Agent;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "meshctl-spire-"));
      ca = await createTestMeshCa();
      const sockets = { client: join(directory, "client.sock"), server: join(directory, "server.sock") };
      clientAgent = await startAgent(sockets.client, await issueSvid(ca, CLIENT));
      serverAgent = await startAgent(sockets.server, await issueSvid(ca, WEB));
      pair = await startProxyPair({
        ca,
        serverWorkers: workers,
        application: (request, response) => response.end(String(request.headers["l5d-client-id"])),
        clientEnv: {
          IDENTITY_LOCAL_NAME: "",
          IDENTITY_SERVER_ID: CLIENT,
          IDENTITY_SERVER_NAME: "client.mesh.example",
          IDENTITY_SPIRE_WORKLOAD_API_ADDRESS: `unix:${sockets.client}`,
        },
        serverEnv: {
          IDENTITY_LOCAL_NAME: "",
          IDENTITY_SERVER_ID: WEB,
          IDENTITY_SERVER_NAME: WEB_NAME,
          IDENTITY_SPIRE_SOCKET: sockets.server,
        },
      });
      pair.plane.answer(Destination.method.get, (call) =>
        call.send(
          endpointsAt(pair.server.ip, {
            serverName: { name: WEB_NAME },
            strategy: { case: "uriLikeIdentity", value: { uri: WEB } },
          }),
        ),
      );
    });

    after(async () => {
      await pair?.stop();
      await clientAgent?.api.close();
      await serverAgent?.api.close();
      await rm(directory, { recursive: true, force: true });
    });

    const request = () => fetch(`http://${pair.entrance}/`);

    /** Shakes hands with the server's proxy, trusting these. */
    function serialOfServer(anchorsPem: string): Promise<string> {
      return new Promise((resolve, reject) => {
        const socket = connect({
          host: pair.server.ip,
          port: 4143,
          servername: WEB_NAME,
          ca: anchorsPem,
          checkServerIdentity: () => undefined,
        });
        socket.once("error", reject);
        socket.once("secureConnect", () => {
          resolve(socket.getPeerX509Certificate()!.serialNumber);
          socket.destroy();
        });
      });
    }

    /** Asks the application's port in mesh TLS, without a proxy. */
    async function askDirectly(svid: Svid, trusted: TestMeshCa): Promise<string> {
      const { certificatePem, keyPem } = readSvid(svid, Date.now());
      const [host, port] = pair.applicationAddress.split(":");
      const asked = https.get({
        host,
        port,
        servername: WEB_NAME,
        ca: trusted.anchorsPem,
        cert: certificatePem,
        key: keyPem,
        checkServerIdentity: () => undefined,
        agent: false,
      });
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      return text;
    }

    test("both sides are who SPIRE says, and the agent is asked as it wants to be", async () => {
      const response = await request();
      assert.equal(response.status, 200);
      assert.equal(await response.text(), CLIENT);
      for (const { streams } of [clientAgent, serverAgent]) {
        // Of several threads one asks.
        assert.equal(streams.length, 1);
        assert.equal(streams[0]!.headers["workload.spiffe.io"], "true");
        assert.equal(streams[0]!.headers[":path"], "/SpiffeWorkloadAPI/FetchX509SVID");
      }
    });

    test("a policy lets in the very URI, and none that only ends or begins like it", async () => {
      for (const [identity, status] of [
        [CLIENT, 200],
        ["spiffe://mesh.example", 403],
        [`${CLIENT}/x`, 403],
        ["*.example/client", 403],
        [CLIENT, 200],
      ] as const) {
        for (const watch of pair.watches) watch.send(serverPolicy([allow(identity)]));
        await until(`${status} for ${identity}`, async () => (await request()).status === status);
      }
    });

    test("the next document replaces the certificate and the roots", async () => {
      const before = await serialOfServer(ca.anchorsPem);
      const nextCa = await createTestMeshCa();
      sendSvid(serverAgent.streams.at(-1)!, await issueSvid(nextCa, WEB, [nextCa, ca]));
      const serial = await until("the new root's certificate", () =>
        serialOfServer(nextCa.anchorsPem).catch(() => undefined),
      );
      assert.notEqual(serial, before);
      // Whom the new root certifies is let in, by name; whom nobody known certifies is not.
      assert.equal(await askDirectly(await issueSvid(nextCa, CLIENT), nextCa), CLIENT);
      const strangeCa = await createTestMeshCa();
      await assert.rejects(askDirectly(await issueSvid(strangeCa, CLIENT), nextCa));
    });

    test("a stream that breaks off is opened again, and what was known stays in use", async () => {
      const count = serverAgent.streams.length;
      serverAgent.api.dropConnections();
      await until("another stream", () => serverAgent.streams.length > count);
      assert.equal((await request()).status, 200);
    });
  });
}
