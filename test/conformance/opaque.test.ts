/** Protocols that are no HTTP, by programs in use everywhere: redis, whose client speaks first, and SSH, whose server does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runProcess } from "../support/run-process.ts";
import { until } from "../support/until.ts";
import { sha256 } from "./support/curl.ts";
import { CLIENT_ID, type MeshPair, PAIR_MISSING, startMeshPair } from "./support/mesh-pair.ts";
import { findProgram, lacking } from "./support/programs.ts";
import { recordsOf } from "./support/proxy-process.ts";
import { type StartedServer, startServer } from "./support/servers.ts";

for (const protocol of ["detect", "opaque"] as const) {
  describe(`redis on a port that is ${protocol}`, {
    skip: PAIR_MISSING || lacking("redis-server", "redis-cli", "redis-benchmark"),
  }, () => {
    let pair: MeshPair;
    let server: StartedServer;

    before(async () => {
      pair = await startMeshPair({ protocol });
      const address = { host: pair.server.appHost, port: pair.appPort };
      const folder = await mkdtemp(join(tmpdir(), "meshctl-redis-"));
      const args = ["--bind", address.host, "--port", String(address.port), "--save", "", "--dir", folder];
      server = await startServer(
        findProgram("redis-server")!,
        [...args, "--protected-mode", "no"],
        address,
        folder,
      );
    });
    after(async () => {
      await server?.stop();
      await pair?.stop();
    });

    const redis = async (args: readonly string[], stdin: string | Buffer = "") => {
      const { host, port } = pair.entrance;
      return (await runProcess("redis-cli", ["-h", host, "-p", String(port), ...args], { stdin })).stdout;
    };

    test("values of 8 MB are stored and read back", async () => {
      const value = randomBytes(4 * 1024 * 1024).toString("hex");
      assert.equal(await redis(["-x", "set", "big"], value), "OK\n");
      assert.equal(sha256(Buffer.from((await redis(["get", "big"])).trimEnd())), sha256(Buffer.from(value)));
    });

    test("96,000 commands in pipelines on 50 connections all get their answer", async () => {
      const { host, port } = pair.entrance;
      const address = ["-h", host, "-p", String(port)];
      const load = ["-t", "set,get,incr", "-n", "32000", "-P", "32", "-c", "50", "-q", "-r", "1000"];
      await runProcess("redis-benchmark", [...address, ...load], { limitMs: 120_000 });
      // What was done is done: the server's own count.
      const [, count] = /cmdstat_incr:calls=(\d+)/.exec(await redis(["info", "commandstats"])) ?? [];
      assert.equal(Number(count), 32_000);
    });

    test("a subscriber hears what another connection publishes", async () => {
      const { host, port } = pair.entrance;
      const socket = connect({ host, port });
      socket.setEncoding("latin1");
      let heard = "";
      socket.on("data", (text: string) => {
        heard += text;
      });
      socket.write("SUBSCRIBE news\r\n");
      await until("the subscription", () => heard.includes("subscribe"));
      assert.equal(await redis(["publish", "news", "hello"]), "1\n");
      await until("the message", () => heard.includes("hello"));
      socket.destroy();
    });
  });

  describe(`SSH on a port that is ${protocol}`, {
    skip: PAIR_MISSING || lacking("sshd", "ssh", "ssh-keygen"),
  }, () => {
    let pair: MeshPair;
    let server: StartedServer;
    let folder: string;

    before(async () => {
      pair = await startMeshPair({ protocol });
      folder = await mkdtemp(join(tmpdir(), "meshctl-ssh-"));
      for (const key of ["host", "client"]) {
        await runProcess("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
      }
      const address = { host: pair.server.appHost, port: pair.appPort };
      await writeFile(
        join(folder, "config"),
        `ListenAddress ${address.host}:${address.port}
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/client.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PerSourceMaxStartups none
MaxStartups 100
`,
      );
      // Where root's sshd locks its unprivileged part in; the distribution's start script makes it.
      if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
      const sshd = findProgram("sshd")!;
      server = await startServer(sshd, ["-D", "-e", "-f", join(folder, "config")], address);
    });
    after(async () => {
      await server?.stop();
      await pair?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const ssh = async (command: string, stdin: Buffer | string = "") => {
      const { host, port } = pair.entrance;
      const options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "BatchMode=yes",
      ];
      const args = [
        "-i",
        join(folder, "client"),
        "-p",
        String(port),
        ...options.flatMap((each) => ["-o", each]),
      ];
      return (await runProcess("ssh", [...args, `${userInfo().username}@${host}`, command], { stdin }))
        .stdout;
    };

    test("a client that waits in silence hears the server's banner", async () => {
      const socket = connect(pair.entrance);
      const [banner] = await once(socket, "data");
      assert.match(String(banner), /^SSH-2\.0-/);
      socket.destroy();
    });

    test("20 MB go up within a session and come back", async () => {
      const bytes = randomBytes(10 * 1024 * 1024).toString("hex");
      assert.equal(sha256(Buffer.from(await ssh("cat", bytes))), sha256(Buffer.from(bytes)));
    });

    test("ten sessions at once end with the status of their command", async () => {
      const said = await Promise.all(Array.from({ length: 10 }, (_, index) => ssh(`echo ${index}`)));
      assert.deepEqual(
        said,
        Array.from({ length: 10 }, (_, index) => `${index}\n`),
      );
      await assert.rejects(ssh("exit 7"), /exit: {4}7/);
    });

    test("the server's proxy knew the client, and counted the bytes", async () => {
      const records = (await recordsOf(pair.server.proxy)).filter(
        ({ requestBytes }) => requestBytes > 20_000_000,
      );
      assert.equal(records.length, 1);
      assert.deepEqual(
        [records[0]!.protocol, records[0]!.peerIdentity, records[0]!.responseBytes > 20_000_000],
        ["opaque", CLIENT_ID, true],
      );
    });
  });
}
