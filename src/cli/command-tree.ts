import type { Command } from "./command.ts";
import type { VerbGroup, VerbRegistry } from "./verb.ts";

/** A command and the words that call it. */
export interface CommandEntry {
  /** `dev apply` */
  readonly path: string;
  readonly group: VerbGroup;
  readonly command: Command;
}

/** Every visible command, loaded, with those below it right after it. */
export async function visibleCommands(registry: VerbRegistry): Promise<CommandEntry[]> {
  const entries: CommandEntry[] = [];
  const add = async (path: string, group: VerbGroup, command: Command): Promise<void> => {
    entries.push({ path, group, command });
    for (const [name, { load }] of Object.entries(command.subcommands ?? {})) {
      await add(`${path} ${name}`, group, await load());
    }
  };
  for (const [name, verb] of Object.entries(registry.verbs)) {
    if (!verb.hidden) await add(name, verb.group, (await verb.load()).command);
  }
  return entries;
}
