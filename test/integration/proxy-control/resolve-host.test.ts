import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import type { MeshError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { DNS_CODE, DNS_TYPE } from "../../../src/local/network/dns-codec.ts";
import { startDnsServer } from "../../../src/local/network/dns-server.ts";
import { createHostResolver } from "../../../src/proxy/control/resolve-host.ts";

const ZONE: Readonly<Record<string, readonly string[]>> = {
  "meshctl-dst.meshctl.svc.cluster.local": ["127.9.64.2", "127.9.64.3"],
};

async function startZone() {
  const asked: string[] = [];
  const server = await startDnsServer({
    host: "127.0.0.1",
    port: 0,
    log: silentLogger,
    answer: ({ name, type }) => {
      asked.push(name);
      const addresses = ZONE[name.replace(/\.$/, "").toLowerCase()];
      const isA = type === DNS_TYPE.A;
      return {
        code: addresses ? DNS_CODE.ok : DNS_CODE.noSuchName,
        authoritative: true,
        answers: (isA ? (addresses ?? []) : []).map((address) => ({
          name,
          ttlSeconds: 5,
          type: "A" as const,
          address,
        })),
        authorities: [],
        additionals: [],
      };
    },
  });
  return { server, asked };
}

test("resolver asks the given server, port included, and takes the trailing dot as the end of the name", async (t) => {
  const { server, asked } = await startZone();
  t.after(() => server.close());
  const resolver = createHostResolver([server.address]);
  const found = await resolver.resolve("meshctl-dst.meshctl.svc.cluster.local.");
  assert.deepEqual([...found].sort(), ["127.9.64.2", "127.9.64.3"]);
  assert.ok(asked.every((name) => name.replace(/\.$/, "") === "meshctl-dst.meshctl.svc.cluster.local"));
});

test("resolver says when a name does not exist", async (t) => {
  const { server } = await startZone();
  t.after(() => server.close());
  await assert.rejects(
    createHostResolver([server.address]).resolve("nobody.demo.svc.cluster.local."),
    (error: MeshError) => error.code === "DNS_NOT_FOUND" && /nobody\.demo/.test(error.message),
  );
});

test("resolver says which server did not answer", async () => {
  // A port that was free a moment ago: nobody answers there.
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  await assert.rejects(
    createHostResolver([`127.0.0.1:${port}`]).resolve("web.demo.svc.cluster.local."),
    (error: MeshError) => error.code === "DNS_UNAVAILABLE" && error.message.includes(`127.0.0.1:${port}`),
  );
});

test("literal addresses need no server", async () => {
  const resolver = createHostResolver(["127.0.0.1:1"]);
  assert.deepEqual(await resolver.resolve("10.1.2.3"), ["10.1.2.3"]);
  assert.deepEqual(await resolver.resolve("[fd00::1]"), ["fd00::1"]);
});

test("without servers the system's resolver is asked", async () => {
  const found = await createHostResolver([]).resolve("localhost");
  assert.ok(found.includes("127.0.0.1") || found.includes("::1"), found.join());
});

for (const [bounds, found, missing] of [
  [{ minMs: undefined, maxMs: undefined }, 5000, 0],
  [{ minMs: 7000, maxMs: undefined }, 7000, 7000],
  [{ minMs: undefined, maxMs: 2000 }, 2000, 0],
  [{ minMs: 1000, maxMs: 10_000 }, 5000, 1000],
] as const) {
  test(`an answer of 5 s counts ${found} ms, none ${missing} ms, between ${bounds.minMs} and ${bounds.maxMs}`, async (t) => {
    const { server } = await startZone();
    t.after(() => server.close());
    const resolver = createHostResolver([server.address], bounds);
    const name = "meshctl-dst.meshctl.svc.cluster.local.";
    await resolver.resolve(name);
    assert.equal(resolver.ttlMs!(name), found);
    await assert.rejects(resolver.resolve("nobody.demo.svc.cluster.local."));
    assert.equal(resolver.ttlMs!("nobody.demo.svc.cluster.local."), missing);
  });
}
