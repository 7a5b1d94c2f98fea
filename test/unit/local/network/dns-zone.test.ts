import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { DNS_CODE, DNS_TYPE } from "../../../../src/local/network/dns-codec.ts";
import { answerFromObjects } from "../../../../src/local/network/dns-zone.ts";
import { ENDPOINT_SLICES, PODS, SERVICES } from "../../../../src/local/resources.ts";
import { MemoryObjects } from "../../../support/memory-objects.ts";

let objects: MemoryObjects;

beforeEach(async () => {
  objects = new MemoryObjects();
  const service = (name: string, clusterIP: string) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: { clusterIP, ports: [{ name: "grpc", port: 8086, protocol: "TCP" }] },
  });
  await objects.create(SERVICES, service("web", "127.5.16.2"));
  await objects.create(SERVICES, service("dst", "None"));
  await objects.create(ENDPOINT_SLICES, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "dst-1", namespace: "demo", labels: { "kubernetes.io/service-name": "dst" } },
    ports: [{ name: "grpc", port: 9086, protocol: "TCP" }],
    endpoints: [
      { addresses: ["127.5.64.1"], conditions: { ready: true } },
      { addresses: ["127.5.64.2"], conditions: { ready: true }, hostname: "db-0" },
      { addresses: ["127.5.64.3"], conditions: { ready: false } },
    ],
  });
  await objects.create(PODS, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "demo" },
    spec: {},
    status: { podIP: "127.5.64.1" },
  });
});

function ask(name: string, type: number = DNS_TYPE.A) {
  return answerFromObjects(objects, "cluster.local", {
    id: 1,
    name,
    type,
    class: 1,
    recursionDesired: true,
    udpBytesMax: 512,
  });
}
const addresses = (name: string) => ask(name).answers.map((record) => "address" in record && record.address);

describe("cluster names", () => {
  test("a service has its ClusterIP, a headless one its ready pods", () => {
    assert.deepEqual(addresses("web.demo.svc.cluster.local"), ["127.5.16.2"]);
    assert.deepEqual(addresses("dst.demo.svc.cluster.local"), ["127.5.64.1", "127.5.64.2"]);
  });

  test("pods of a headless service have names by address or hostname", () => {
    assert.deepEqual(addresses("127-5-64-1.dst.demo.svc.cluster.local"), ["127.5.64.1"]);
    assert.deepEqual(addresses("db-0.dst.demo.svc.cluster.local"), ["127.5.64.2"]);
    assert.deepEqual(addresses("127-5-64-1.demo.pod.cluster.local"), ["127.5.64.1"]);
    assert.equal(ask("127-5-64-3.dst.demo.svc.cluster.local").code, DNS_CODE.noSuchName);
  });

  test("SRV names the port behind, with the targets' addresses beside", () => {
    const headless = ask("_grpc._tcp.dst.demo.svc.cluster.local", DNS_TYPE.SRV);
    assert.deepEqual(
      headless.answers.map((record) => record.type === "SRV" && `${record.target}:${record.port}`),
      ["127-5-64-1.dst.demo.svc.cluster.local:9086", "db-0.dst.demo.svc.cluster.local:9086"],
    );
    assert.equal(headless.additionals.length, 2);
    const plain = ask("_grpc._tcp.web.demo.svc.cluster.local", DNS_TYPE.SRV);
    assert.deepEqual(
      plain.answers.map((record) => record.type === "SRV" && `${record.target}:${record.port}`),
      ["web.demo.svc.cluster.local:8086"],
    );
    assert.equal(ask("_http._tcp.web.demo.svc.cluster.local", DNS_TYPE.SRV).code, DNS_CODE.noSuchName);
  });

  test("an existing name without the wanted type is empty, an unknown one does not exist, a foreign one is refused", () => {
    const v6 = ask("web.demo.svc.cluster.local", DNS_TYPE.AAAA);
    assert.deepEqual([v6.code, v6.answers.length, v6.authorities[0]?.type], [DNS_CODE.ok, 0, "SOA"]);
    const unknown = ask("nothing.demo.svc.cluster.local");
    assert.deepEqual([unknown.code, unknown.authorities[0]?.type], [DNS_CODE.noSuchName, "SOA"]);
    assert.equal(ask("example.com").code, DNS_CODE.refused);
    assert.equal(ask("notcluster.local").code, DNS_CODE.refused);
  });
});
