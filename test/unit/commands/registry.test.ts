import assert from "node:assert/strict";
import { test } from "node:test";
import { registry } from "../../../commands/registry.ts";
import type { Command } from "../../../src/cli/command.ts";
import { GLOBAL_FLAGS } from "../../../src/cli/globals.ts";

async function* allCommands(): AsyncGenerator<readonly [path: string, command: Command]> {
  async function* below(path: string, command: Command): AsyncGenerator<readonly [string, Command]> {
    yield [path, command];
    for (const [name, { load }] of Object.entries(command.subcommands ?? {}))
      yield* below(`${path} ${name}`, await load());
  }
  for (const [name, verb] of Object.entries(registry.verbs)) yield* below(name, (await verb.load()).command);
}

test("the registry says of each verb what its module says", async () => {
  for (const [name, verb] of Object.entries(registry.verbs)) {
    const { command } = await verb.load();
    assert.equal(command.name, name);
    assert.equal(verb.summary, command.summary, name);
    assert.equal(verb.hidden ?? false, command.hidden ?? false, name);
  }
});

test("a verb is either here or for later", () => {
  const both = Object.keys(registry.later).filter((name) => Object.hasOwn(registry.verbs, name));
  assert.deepEqual(both, []);
});

test("every subcommand's summary is its module's", async () => {
  for await (const [path, command] of allCommands()) {
    for (const [name, { summary, load }] of Object.entries(command.subcommands ?? {})) {
      assert.equal(summary, (await load()).summary, `${path} ${name}`);
    }
  }
});

test("flags of a command have names and letters of their own, and none of the global names", async () => {
  const globals = new Set(GLOBAL_FLAGS.map((flag) => flag.name));
  for await (const [path, { flags }] of allCommands()) {
    const names = flags.map((flag) => flag.name);
    const letters = flags.flatMap((flag) => (flag.short === undefined ? [] : [flag.short]));
    assert.equal(new Set(names).size, names.length, `${path}: ${names}`);
    assert.equal(new Set(letters).size, letters.length, `${path}: ${letters}`);
    for (const name of names) assert.ok(!globals.has(name), `${path} --${name}`);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9-]*$/, path);
    for (const letter of letters) assert.match(letter, /^[A-Za-z]$/, path);
  }
});

test("defaults fit their flags", async () => {
  for await (const [path, { flags }] of allCommands()) {
    for (const flag of flags) {
      const where = `${path} --${flag.name}`;
      if (flag.default === undefined) continue;
      if (flag.type === "boolean") assert.equal(typeof flag.default, "boolean", where);
      else if (flag.type === "list" || flag.type === "repeat") assert.ok(Array.isArray(flag.default), where);
      else if (flag.type === "string") assert.equal(typeof flag.default, "string", where);
      if (flag.choices && flag.type === "string")
        assert.ok(flag.choices.includes(flag.default as string), where);
    }
  }
});

test("every visible command has an example that names it, or is a group", async () => {
  for await (const [path, command] of allCommands()) {
    if (command.subcommands && command.examples.length === 0) continue;
    // Below viz stand commands that are shown elsewhere, and those that only say why they are not there.
    if (registry.verbs[path.split(" ")[0]!]!.hidden) continue;
    assert.ok(command.examples.length > 0, path);
    const named = command.examples.filter((example) =>
      example.command.includes(`meshctl ${path.split(" ")[0]}`),
    );
    assert.ok(named.length > 0, path);
  }
});
