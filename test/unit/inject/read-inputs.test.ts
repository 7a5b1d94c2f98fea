import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { type InputReader, readInputs } from "../../../src/inject/read-inputs.ts";
import { joinStreams } from "../../../src/inject/rewrite-inputs.ts";

function reader(files: Record<string, string | Buffer>, reply?: () => Promise<Response>): InputReader {
  return {
    readStdin: async () => Buffer.from("stdin"),
    async readFile(path) {
      const file = files[path];
      if (file === undefined) throw Object.assign(new Error("no"), { code: "ENOENT" });
      return Buffer.from(file);
    },
    async readDirectory(path) {
      const children = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
      if (children.length === 0) return undefined;
      const names = new Set(children.map((name) => name.slice(path.length + 1).split("/")[0]!));
      return [...names]
        .reverse()
        .map((name) => ({ name, isDirectory: files[`${path}/${name}`] === undefined }));
    },
    fetch: () => (reply ? reply() : Promise.reject(new Error("not asked"))),
  };
}

const code = (wanted: string) => (error: unknown) => error instanceof MeshError && error.code === wanted;

test("a directory is read recursively, by name, manifests only", async () => {
  const inputs = await readInputs(
    ["d"],
    reader({ "d/b.yaml": "b", "d/a/z.json": "z", "d/a/y.yml": "y", "d/README.md": "no" }),
  );
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ["d/a/y.yml", "d/a/z.json", "d/b.yaml"],
  );
});

test("standard input is a dash", async () => {
  assert.deepEqual(await readInputs(["-"], reader({})), [{ name: "standard input", text: "stdin" }]);
});

test("an https URL must answer 200", async () => {
  const url = "https://example.com/app.yml";
  const ok = await readInputs(
    [url],
    reader({}, async () => new Response("kind: Pod")),
  );
  assert.deepEqual(ok, [{ name: url, text: "kind: Pod" }]);
  await assert.rejects(
    readInputs(
      [url],
      reader({}, async () => new Response("", { status: 404, statusText: "Not Found" })),
    ),
    (error) => code("INPUT_URL")(error) && /answered 404 Not Found/.test(String(error)),
  );
  await assert.rejects(
    readInputs(
      [url],
      reader({}, () =>
        Promise.reject(new TypeError("fetch failed", { cause: new Error("ENOTFOUND example.com") })),
      ),
    ),
    /ENOTFOUND example\.com/,
  );
  await assert.rejects(readInputs(["http://example.com/app.yml"], reader({})), code("INPUT_URL"));
});

test("a file that is missing or not UTF-8 is named", async () => {
  await assert.rejects(readInputs(["none.yaml"], reader({})), /cannot read none\.yaml: no such file/);
  await assert.rejects(
    readInputs(["x.yaml"], reader({ "x.yaml": Buffer.from([0xff, 0xfe, 0x61, 0]) })),
    /x\.yaml is not UTF-8: it is UTF-16/,
  );
  await assert.rejects(
    readInputs(["x.yaml"], reader({ "x.yaml": Buffer.from([0x61, 0xc3, 0x28]) })),
    code("INPUT_ENCODING"),
  );
});

test("streams are joined as documents, and a single one keeps every byte", () => {
  assert.equal(joinStreams(["\ufeffa: 1"]), "\ufeffa: 1");
  assert.equal(joinStreams(["a: 1", "b: 2\n"]), "a: 1\n---\nb: 2\n");
  assert.equal(joinStreams(["a: 1\n---\n", "b: 2\n"]), "a: 1\n---\nb: 2\n");
  assert.equal(joinStreams(["a: 1\n", "---\nb: 2\n"]), "a: 1\n---\nb: 2\n");
  assert.equal(joinStreams(["a: 1\n", "\ufeffb: 2\n"]), "a: 1\n---\nb: 2\n");
});
