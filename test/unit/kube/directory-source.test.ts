import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createLogger } from "../../../src/base/log.ts";
import { DirectorySource } from "../../../src/kube/directory-source.ts";
import type { SourceEvent } from "../../../src/kube/source.ts";
import { FakeClock } from "../../support/clock.ts";

const SERVICES = { group: "", version: "v1", plural: "services", kind: "Service" };
const SERVERS = { group: "policy.meshctl.io", version: "v1beta3", plural: "servers", kind: "Server" };

const service = (name: string, port = 80, namespace = "") =>
  `{ apiVersion: v1, kind: Service, metadata: { name: ${name}${namespace && `, namespace: ${namespace}`} }, spec: { ports: [{ port: ${port} }] } }\n`;

/** A directory and what is heard of it. The clock stands still: the source looks when it is advanced by a second. */
function watchDirectory(t: TestContext, files: Readonly<Record<string, string>>) {
  const directory = mkdtempSync(join(tmpdir(), "meshctl-source-"));
  const over = new AbortController();
  t.after(() => {
    over.abort();
    rmSync(directory, { recursive: true, force: true });
  });
  const write = (name: string, text: string): void => {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  const clock = new FakeClock();
  let said = "";
  const log = createLogger({
    level: "warn",
    format: "plain",
    now: () => 0,
    write: (line) => {
      said += line;
    },
  });
  const source = new DirectorySource({ directory, clock, log });
  const heard: string[] = [];
  const listen = (resource: typeof SERVICES) =>
    source.run(
      resource,
      (event: SourceEvent) => {
        const object = "object" in event ? event.object : undefined;
        const ports = object?.spec?.ports?.[0]?.port ?? "";
        heard.push(
          object ? `${event.type} ${object.metadata.namespace}/${object.metadata.name} ${ports}` : event.type,
        );
      },
      over.signal,
    );
  return {
    directory,
    write,
    listen,
    over,
    log: () => said,
    remove: (name: string) => rmSync(join(directory, name), { recursive: true }),
    move: (from: string, to: string) => renameSync(join(directory, from), join(directory, to)),
    heard: () => heard.splice(0),
    /** Looks, and gives what was heard. */
    look() {
      clock.advance(1000);
      return heard.splice(0);
    },
  };
}

test("a directory's objects of a kind are listed, those of folders too, hidden and other files not", (t) => {
  const { listen, heard } = watchDirectory(t, {
    "a.yaml": `${service("a")}---\n${service("b", 81, "demo")}`,
    "more/deep/c.yml": service("c"),
    "d.json": JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [{ apiVersion: "v1", kind: "Service", metadata: { name: "d" } }],
    }),
    ".meshctl/hidden.yaml": service("hidden"),
    "notes.txt": service("text"),
    "server.yaml": "{ apiVersion: policy.meshctl.io/v1beta1, kind: Server, metadata: { name: s }, spec: {} }",
  });
  void listen(SERVICES);
  assert.deepEqual(heard(), [
    "init",
    "init-apply default/a 80",
    "init-apply demo/b 81",
    "init-apply default/d ",
    "init-apply default/c 80",
    "init-done",
  ]);
  void listen(SERVERS);
  assert.deepEqual(heard(), ["init", "init-apply default/s ", "init-done"]);
});

test("changes are told once: a new file, another text, a file that is gone", (t) => {
  const { listen, heard, look, write, remove } = watchDirectory(t, { "a.yaml": service("a") });
  void listen(SERVICES);
  heard();
  assert.deepEqual(look(), []);
  write("b.yaml", service("b"));
  assert.deepEqual(look(), ["apply default/b 80"]);
  write("a.yaml", service("a", 8080));
  assert.deepEqual(look(), ["apply default/a 8080"]);
  // Another comment, the same object.
  write("a.yaml", `# moved\n${service("a", 8080)}`);
  assert.deepEqual(look(), []);
  remove("b.yaml");
  assert.deepEqual(look(), ["delete default/b 80"]);
});

test("an object that moves to another file is nothing new", (t) => {
  const { listen, heard, look, move } = watchDirectory(t, { "a.yaml": service("a") });
  void listen(SERVICES);
  heard();
  move("a.yaml", "z.yaml");
  assert.deepEqual(look(), []);
});

test("a file that cannot be read keeps its objects and is named, once, until it is mended", (t) => {
  const { listen, heard, look, write, log } = watchDirectory(t, {
    "a.yaml": service("a"),
    "b.yaml": service("b"),
  });
  void listen(SERVICES);
  heard();
  write("a.yaml", "kind: [");
  assert.deepEqual(look(), []);
  assert.deepEqual(look(), []);
  assert.equal(log().split("cannot be read").length, 2, log());
  assert.match(log(), /file=a\.yaml/);
  write("b.yaml", service("b", 81));
  assert.deepEqual(look(), ["apply default/b 81"]);
  write("a.yaml", service("a", 82));
  assert.deepEqual(look(), ["apply default/a 82"]);
});

test("of an object in two files the first by name counts, and the log says so", (t) => {
  const { listen, heard, look, remove, log } = watchDirectory(t, {
    "1.yaml": service("a", 1),
    "2.yaml": service("a", 2),
  });
  void listen(SERVICES);
  assert.deepEqual(heard(), ["init", "init-apply default/a 1", "init-done"]);
  assert.match(log(), /object is in two files/);
  remove("1.yaml");
  assert.deepEqual(look(), ["apply default/a 2"]);
});

test("a directory that goes away takes nothing with it until it is back", (t) => {
  const { listen, heard, look, directory, log } = watchDirectory(t, { "a.yaml": service("a") });
  void listen(SERVICES);
  heard();
  renameSync(directory, `${directory}-away`);
  assert.deepEqual(look(), []);
  assert.match(log(), /cannot be read: ENOENT/);
  renameSync(`${directory}-away`, directory);
  assert.deepEqual(look(), []);
});

test("a directory that is not there at the start is an error", async (t) => {
  const { listen, directory } = watchDirectory(t, {});
  rmSync(directory, { recursive: true });
  await assert.rejects(listen(SERVICES), { code: "SOURCE_UNREADABLE" });
});

test("the source ends with its signal", async (t) => {
  const { listen, over } = watchDirectory(t, {});
  const running = listen(SERVICES);
  over.abort();
  await running;
});
