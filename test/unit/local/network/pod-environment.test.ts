import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClusterIpPool, createClusterAddresses } from "../../../../src/local/network/addresses.ts";
import { podNetworkEnvironment } from "../../../../src/local/network/pod-environment.ts";

const addresses = { publicIp: "127.5.64.3", privateIp: "127.5.128.3" };
const service = (name: string, clusterIP: string, ports: readonly object[], selector = {}) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "demo" },
  spec: { clusterIP, ports, selector },
});
const services = [
  service("web", "127.5.16.2", [{ name: "http", port: 80, targetPort: 8080 }], { app: "me" }),
  service("my-kv", "127.5.16.3", [{ port: 6379 }, { name: "admin", port: 9000 }]),
  service("dst", "None", [{ port: 8086 }]),
];
const app = {
  name: "app",
  ports: [{ containerPort: 8080 }, { containerPort: 53, protocol: "UDP" }],
  readinessProbe: { httpGet: { port: 8081 } },
};
const proxy = {
  name: "meshctl-proxy",
  env: [{ name: "MESHCTL_PROXY_CAPTURE", value: "explicit" }],
  ports: [{ containerPort: 4143 }],
};
const pod = (containers: readonly object[], initContainers: readonly object[] = []) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "demo", labels: { app: "me" } },
  spec: { containers, initContainers },
});
const environment = (ofPod: ReturnType<typeof pod>) =>
  podNetworkEnvironment({
    pod: ofPod,
    addresses,
    services,
    clusterDomain: "cluster.local",
    dnsServer: "127.5.0.10:10053",
  });

describe("network environment of a pod", () => {
  test("without a proxy the application listens on the public address and dials ClusterIPs", () => {
    const { isMeshed, application, proxy: forProxy } = environment(pod([app]));
    assert.equal(isMeshed, false);
    assert.deepEqual(forProxy, {});
    assert.equal(application.LISTEN_HOST, "127.5.64.3");
    assert.match(application.MESHCTL_PROXY_OWN_NETWORKS!, /^127\.5\.64\.3\/32,127\.5\.\d+\.3\/32$/);
    assert.equal(application.WEB_SERVICE_HOST, "127.5.16.2");
    assert.equal(application.WEB_SERVICE_PORT, "80");
    assert.equal(application.WEB_SERVICE_PORT_HTTP, "80");
    assert.equal(application.MY_KV_PORT_6379_TCP, "tcp://127.5.16.3:6379");
    assert.equal(application.MY_KV_SERVICE_PORT_ADMIN, "9000");
    assert.equal(application.DST_SERVICE_HOST, undefined);
    assert.equal(application.HTTP_PROXY, undefined);
  });

  for (const [how, ofPod] of [
    ["a native sidecar", pod([app], [{ ...proxy, restartPolicy: "Always" }])],
    ["a container", pod([app, proxy])],
  ] as const) {
    test(`with ${how} as proxy, proxy and application agree on ports of the private address`, () => {
      const { isMeshed, proxyContainer, application, proxy: forProxy } = environment(ofPod);
      assert.equal(isMeshed, true);
      assert.equal(proxyContainer, "meshctl-proxy");
      assert.equal(application.LISTEN_HOST, "127.5.128.3");
      assert.equal(application.HTTP_PROXY, "http://127.5.128.3:4140");
      assert.deepEqual(forProxy, {
        LISTEN_HOST: "127.5.64.3",
        MESHCTL_PROXY_INBOUND_LISTENERS: "127.5.64.3:8080=127.5.128.3:8080,127.5.64.3:8081=127.5.128.3:8081",
        MESHCTL_PROXY_INBOUND_APP_HOST: "127.5.128.3",
        MESHCTL_PROXY_INBOUND_LISTEN_ADDR: "127.5.64.3:4143",
        MESHCTL_PROXY_INBOUND_IPS: "127.5.64.3",
        MESHCTL_PROXY_ADMIN_LISTEN_ADDR: "127.5.64.3:4191",
        MESHCTL_PROXY_CONTROL_LISTEN_ADDR: "127.5.64.3:4190",
        MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS: "127.5.128.3:4140",
        MESHCTL_PROXY_OUTBOUND_SERVICES: [
          "127.5.128.3:20001=dst.demo.svc.cluster.local:8086",
          "127.5.128.3:20002=my-kv.demo.svc.cluster.local:6379",
          "127.5.128.3:20003=my-kv.demo.svc.cluster.local:9000",
          "127.5.128.3:20004=web.demo.svc.cluster.local:80",
        ].join(","),
        MESHCTL_PROXY_OUTBOUND_SOURCE_HOST: "127.5.64.3",
        MESHCTL_PROXY_OWN_NETWORKS: "127.5.64.3/32,127.5.128.3/32",
        MESHCTL_PROXY_DNS_SERVERS: "127.5.0.10:10053",
      });
      assert.equal(application.WEB_SERVICE_HOST, "127.5.128.3");
      assert.equal(application.WEB_SERVICE_PORT, "20004");
      assert.equal(application.MY_KV_SERVICE_PORT, "20002");
      assert.equal(application.MY_KV_PORT_9000_TCP, "tcp://127.5.128.3:20003");
    });
  }
});

describe("addresses", () => {
  test("a pod keeps its pair until it is released, and a freed pair returns last", () => {
    const { pods } = createClusterAddresses(5);
    const first = pods.allocate("a");
    assert.deepEqual(first, { publicIp: "127.5.64.1", privateIp: "127.5.128.1" });
    assert.deepEqual(pods.allocate("a"), first);
    assert.equal(pods.allocate("b").publicIp, "127.5.64.2");
    pods.release("a");
    assert.equal(pods.allocate("c").publicIp, "127.5.64.3");
  });

  test("a ClusterIP can be asked for once, within the range", () => {
    const pool = new ClusterIpPool(5);
    assert.equal(pool.allocate("127.5.16.1"), "127.5.16.1");
    assert.equal(pool.allocate("127.5.16.1"), undefined);
    assert.equal(pool.allocate("10.0.0.1"), undefined);
    assert.equal(pool.allocate(), "127.5.16.2");
    pool.release("127.5.16.1");
    assert.equal(pool.allocate("127.5.16.1"), "127.5.16.1");
  });
});
