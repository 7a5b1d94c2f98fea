import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import type { Command, CommandContext, Options } from "../../../src/cli/command.ts";
import { Stopped } from "../../../src/cli/run.ts";
import { registryOf, runLine } from "../../support/cli.ts";

interface Call {
  readonly options: Options;
  readonly args: readonly string[];
  readonly context: CommandContext;
  readonly given: ReadonlySet<string>;
}

function stat(calls: Call[], run: () => Promise<number> | number = () => 0): Command {
  return {
    name: "stat",
    summary: "traffic of workloads",
    arguments: [{ name: "RESOURCE", summary: "what to look at", required: true, variadic: true }],
    flags: [{ name: "namespace", short: "n", type: "string", summary: "where", placeholder: "NAMESPACE" }],
    examples: [{ command: "meshctl stat deploy", does: "deployments" }],
    async run(options, args, context, given) {
      calls.push({ options, args, context, given });
      return { exitCode: await run() };
    },
  };
}

function version(): Command {
  return { ...stat([]), name: "version", arguments: [], summary: "versions" };
}

test("runCli shows help on stdout and succeeds without arguments, and loads no verb for it", async () => {
  const registry = registryOf([stat([])], { load: () => assert.fail("loaded a verb") });
  for (const argv of [[], ["--help"], ["-h"], ["help"]]) {
    const { exitCode, stdout, stderr } = await runLine(registry, argv);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^meshctl .*\n\nUsage:\n {2}meshctl \[flags\] COMMAND/);
    assert.match(stdout, /\nLook:\n {2}stat {2}traffic of workloads\n/);
    assert.equal(stderr, "");
  }
});

test("runCli hides hidden verbs from help, and runs them", async () => {
  const calls: Call[] = [];
  const registry = registryOf([stat(calls)], { hidden: true });
  assert.doesNotMatch((await runLine(registry, [])).stdout, /stat/);
  assert.equal((await runLine(registry, ["stat", "po"])).exitCode, 0);
  assert.equal(calls.length, 1);
});

for (const argv of [
  ["-L", "mesh-2", "--verbose", "stat", "deploy", "-n", "demo"],
  ["stat", "deploy", "-n", "demo", "-L", "mesh-2", "--verbose"],
  ["stat", "-L", "other", "-L=mesh-2", "-n", "demo", "--verbose", "deploy"],
]) {
  test(`runCli reads global flags before the verb and after it: ${argv.join(" ")}`, async () => {
    const calls: Call[] = [];
    const { exitCode } = await runLine(registryOf([stat(calls)]), argv, {
      env: { MESHCTL_NAMESPACE: "unused" },
    });
    assert.equal(exitCode, 0);
    const [call] = calls;
    assert.deepEqual(call!.args, ["deploy"]);
    assert.equal(call!.options.namespace, "demo");
    assert.equal(call!.context.globals.meshctlNamespace, "mesh-2");
    assert.equal(call!.context.globals.verbose, true);
    assert.deepEqual([...call!.given].sort(), ["meshctlNamespace", "namespace", "verbose"]);
  });
}

test("runCli takes the namespace of the control plane from the environment, else meshctl", async () => {
  const calls: Call[] = [];
  await runLine(registryOf([stat(calls)]), ["stat", "po"], { env: { MESHCTL_NAMESPACE: "mesh-3" } });
  await runLine(registryOf([stat(calls)]), ["stat", "po"], { env: { MESHCTL_NAMESPACE: "" } });
  assert.deepEqual(
    calls.map(({ context }) => context.globals.meshctlNamespace),
    ["mesh-3", "meshctl"],
  );
});

for (const [what, argv, env, stderr] of [
  [
    "an unknown verb",
    ["stta"],
    {},
    'error: meshctl has no command "stta", and there is no meshctl-stta on the PATH\nhint:  did you mean `meshctl stat`?\nusage: see `meshctl --help`\n',
  ],
  [
    "an unknown flag",
    ["stat", "po", "--namspace", "x"],
    {},
    "error: meshctl stat has no flag --namspace\nhint:  did you mean --namespace?\nusage: see `meshctl stat --help`\n",
  ],
  [
    "a missing argument",
    ["stat"],
    {},
    "error: meshctl stat needs RESOURCE: what to look at\nusage: see `meshctl stat --help`\n",
  ],
  [
    "an argument too many",
    ["version", "now"],
    {},
    'error: meshctl version takes no arguments: "now" is too many\nusage: see `meshctl version --help`\n',
  ],
  [
    "a bad namespace in the environment",
    ["version"],
    { MESHCTL_NAMESPACE: "a_b" },
    'error: "a_b" (environment variable MESHCTL_NAMESPACE) is not a namespace name\nhint:  use letters, digits and dashes only\nusage: see `meshctl version --help`\n',
  ],
  [
    "a verb of a later version",
    ["routes"],
    {},
    "error: meshctl routes (metrics by route) is not part of version 0.0.0-dev\nhint:  ROADMAP.md says what works and what comes next; `meshctl --help` lists what is here\n",
  ],
  [
    "a word that Object knows",
    ["constructor"],
    {},
    'error: meshctl has no command "constructor", and there is no meshctl-constructor on the PATH\nusage: see `meshctl --help`\n',
  ],
] as const) {
  test(`runCli refuses ${what} on stderr with exit 1`, async () => {
    const registry = registryOf([stat([]), version()]);
    const result = await runLine(registry, argv, { env });
    assert.deepEqual(result, { exitCode: 1, stdout: "", stderr });
  });
}

test("runCli shows a verb's help without running it, wherever the flag stands", async () => {
  const registry = registryOf([stat([], () => assert.fail("ran"))]);
  for (const argv of [
    ["stat", "--help"],
    ["stat", "-h"],
    ["--help", "stat"],
    ["help", "stat"],
    ["stat", "po", "-h"],
  ]) {
    const { exitCode, stdout } = await runLine(registry, argv);
    assert.equal(exitCode, 0);
    assert.match(
      stdout,
      /^meshctl stat: traffic of workloads\n\nUsage:\n {2}meshctl stat \[flags\] RESOURCE\.\.\.\n/,
    );
    assert.match(stdout, /Examples:\n {2}# deployments\n {2}meshctl stat deploy\n/);
    assert.match(stdout, / -n, --namespace NAMESPACE +where\n/);
    assert.match(stdout, / -L, --meshctl-namespace NAMESPACE/);
  }
});

test("runCli renders a thrown error without usage, and its causes only with --verbose", async () => {
  const cause = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });
  const fails = () => {
    throw new MeshError({
      kind: "environment",
      code: "TEST_DOWN",
      message: "the server is down",
      hint: "start it",
      cause,
    });
  };
  const registry = registryOf([stat([], fails)]);
  assert.deepEqual(await runLine(registry, ["stat", "po"]), {
    exitCode: 1,
    stdout: "",
    stderr: "error: the server is down\nhint:  start it\n",
  });
  const verbose = await runLine(registry, ["stat", "po", "--verbose"]);
  assert.equal(
    verbose.stderr,
    "error: the server is down\nhint:  start it\ncode:  TEST_DOWN\ncause: connect refused (ECONNREFUSED)\n",
  );
});

test("runCli calls anything else that is thrown a mistake of meshctl, with its stack", async () => {
  const registry = registryOf([stat([], () => Promise.reject(new TypeError("x is undefined")))]);
  const { exitCode, stderr } = await runLine(registry, ["stat", "po"]);
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /^error: x is undefined\n {7}this is a mistake in meshctl.*\n {7}TypeError: x is undefined\n {11}at /,
  );
});

for (const [name, reason, daemon, returned, expected] of [
  ["a verb that was interrupted and ends well exits 130", "SIGINT", false, 0, 130],
  ["a verb that was interrupted and failed keeps its code", "SIGINT", false, 1, 1],
  ["a server that was interrupted and ends well exits 0", "SIGINT", true, 0, 0],
  ["a verb that was told to end and ends well exits 0", "SIGTERM", false, 0, 0],
  ["a verb whose reader went away exits 0", "closed-pipe", false, 0, 0],
  ["a verb whose output was lost exits 1, whatever it says", "lost-output", false, 0, 1],
  ["a verb's own exit code passes", undefined, false, 64, 64],
] as const) {
  test(name, async () => {
    const stop = new AbortController();
    const run = () => {
      if (reason) stop.abort(new Stopped(reason));
      return returned;
    };
    const registry = registryOf([stat([], run)], { daemon });
    const { exitCode, stderr } = await runLine(registry, ["stat", "po"], { signal: stop.signal });
    assert.equal(exitCode, expected);
    assert.equal(stderr, "");
  });
}

for (const [reason, expected] of [
  ["SIGINT", 130],
  ["SIGTERM", 130],
  ["closed-pipe", 0],
  ["lost-output", 1],
] as const) {
  test(`a verb that throws because of ${reason} says nothing and exits ${expected}`, async () => {
    const stop = new AbortController();
    const run = () => {
      stop.abort(new Stopped(reason));
      stop.signal.throwIfAborted();
      return 0;
    };
    const { exitCode, stderr } = await runLine(registryOf([stat([], run)]), ["stat", "po"], {
      signal: stop.signal,
    });
    assert.equal(exitCode, expected);
    assert.equal(stderr, "");
  });
}

function dev(calls: string[]): Command {
  const apply: Command = {
    name: "apply",
    summary: "applies",
    flags: [
      { name: "file", short: "f", type: "string", summary: "what" },
      { name: "dir", type: "string", summary: "where", default: "inner" },
    ],
    examples: [],
    async run(options) {
      calls.push(`apply ${options.file} ${options.dir}`);
      return { exitCode: 0 };
    },
  };
  return {
    name: "dev",
    summary: "local cluster",
    flags: [{ name: "dir", type: "string", summary: "where", default: "outer" }],
    examples: [],
    subcommands: { apply: { summary: "applies", load: async () => apply } },
    async run(options) {
      calls.push(`dev ${options.dir}`);
      return { exitCode: 0 };
    },
  };
}

for (const [line, call] of [
  ["dev", "dev outer"],
  ["dev --dir x", "dev x"],
  ["dev apply -f y", "apply y inner"],
  ["dev --dir x apply -f y", "apply y x"],
  ["dev apply -f y --dir z", "apply y z"],
] as const) {
  test(`runCli finds the command of "${line}"`, async () => {
    const calls: string[] = [];
    const { exitCode } = await runLine(registryOf([dev(calls)]), line.split(" "));
    assert.equal(exitCode, 0);
    assert.deepEqual(calls, [call]);
  });
}

test("runCli suggests a subcommand", async () => {
  const { exitCode, stderr } = await runLine(registryOf([dev([])]), ["dev", "aply"]);
  assert.equal(exitCode, 1);
  assert.match(stderr, /meshctl dev has no command "aply"\nhint: {2}did you mean `meshctl dev apply`\?/);
});

test("the image alone is a proxy when it has a proxy's environment, and help otherwise", async () => {
  const calls: Call[] = [];
  const proxy: Command = { ...stat(calls), name: "proxy", arguments: [] };
  const registry = registryOf([proxy]);
  for (const [env, ran] of [
    [{ MESHCTL_IMAGE: "1", MESHCTL_PROXY_LOG: "info" }, 1],
    [{ MESHCTL_IMAGE: "1", LINKERD2_PROXY_LOG: "info" }, 1],
    [{ MESHCTL_IMAGE: "1" }, 0],
    [{ MESHCTL_PROXY_LOG: "info" }, 0],
  ] as const) {
    calls.length = 0;
    await runLine(registry, [], { env });
    assert.equal(calls.length, ran, JSON.stringify(env));
  }
});

test("a plugin on the PATH gets its arguments, and its failure is exit 1", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "meshctl-plugin-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "meshctl-hello");
  await writeFile(file, '#!/bin/sh\n[ "$1" = "--deep" ] || exit 7\n');
  await chmod(file, 0o755);
  await writeFile(join(folder, "meshctl-plain"), "not executable");
  const env = { PATH: `/nonexistent:${folder}` };
  const registry = registryOf([stat([])]);
  assert.equal((await runLine(registry, ["hello", "--deep"], { env })).exitCode, 0);
  assert.equal((await runLine(registry, ["hello"], { env })).exitCode, 1);
  const before = await runLine(registry, ["--verbose", "hello"], { env });
  assert.equal(before.exitCode, 1);
  assert.match(before.stderr, /flags may not come before the name of a plugin/);
  assert.match((await runLine(registry, ["plain"], { env })).stderr, /no command "plain"/);
  assert.match((await runLine(registry, ["../hello"], { env })).stderr, /no command/);
});
